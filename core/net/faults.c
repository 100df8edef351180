#include "core/net/faults.h"

#define FIELD(field) OPTION_FIELD(struct faults_options, field)

static const struct option faults_option_list[] = {
    {"delay", OPTION_DISTRIBUTION, FIELD(delay), .base = DISTRIBUTION_DURATION,
     .default_text = "0s", .help = "Time before a delayed reply is sent"},
    {"delay_share", OPTION_SHARE, FIELD(delay_share), .default_text = "1",
     .help = "Share of the requests whose reply is delayed"},
    {"error_share", OPTION_SHARE, FIELD(error_share), .default_text = "0",
     .help = "Share of the requests answered with error_status and not executed"},
    {"error_status", OPTION_INTEGER, FIELD(error_status), .min = 500, .max = 599,
     .default_text = "500", .help = "Status of those answers"},
    {"drop_share", OPTION_SHARE, FIELD(drop_share), .default_text = "0",
     .help = "Share of the requests not executed, their connection closed without a reply"},
    {"lose_share", OPTION_SHARE, FIELD(lose_share), .default_text = "0",
     .help = "Share of the requests executed, their connection closed without a reply"},
    {"truncate_share", OPTION_SHARE, FIELD(truncate_share), .default_text = "0",
     .help = "Share of the requests executed, their connection closed inside the reply's body"},
    {"restart_every", OPTION_DURATION, FIELD(restart_every_ns), .default_text = "0s",
     .help = "Time between restarts; 0s for none"},
    {"restart_down", OPTION_DURATION, FIELD(restart_down_ns), .default_text = "1s",
     .help = "How long a restart refuses connections"},
    {"seed", OPTION_INTEGER, FIELD(seed), .default_text = "1",
     .help = "Seed of the stream the faults are drawn from"},
};

const struct option_table faults_option_table =
    OPTION_TABLE_OF(struct faults_options, faults_option_list);

void faults_init(struct faults *f, const struct faults_options *options)
{
    struct rng_source source = {
        .seed = options->seed,
        .scenario = "stand-in",
        .purpose = "faults",
    };
    f->options = *options;
    rng_init(&f->rng, &source);
}

/* Every draw takes as much from the stream, whatever comes out. */
void faults_draw(struct faults *f, struct fault *out)
{
    const struct faults_options *o = &f->options;
    const struct {
        enum fault_kind kind;
        double share;
    } kinds[] = {
        {FAULT_ERROR, o->error_share},
        {FAULT_DROP, o->drop_share},
        {FAULT_LOSE, o->lose_share},
        {FAULT_TRUNCATE, o->truncate_share},
    };
    double kind = rng_unit(&f->rng), delay = rng_unit(&f->rng);
    int64_t delay_ns = distribution_draw_int(&o->delay, &f->rng);
    *out = (struct fault){.status = (int)o->error_status};
    out->delay_ns = delay < o->delay_share ? delay_ns : 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kind < kinds[i].share) {
            out->kind = kinds[i].kind;
            return;
        }
        kind -= kinds[i].share;
    }
}
