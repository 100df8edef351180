/* Work over a millisecond, on libuv's thread pool. */
#include "core/lane/lane_parts.h"
#include "core/util/error.h"
#include "core/util/log.h"

struct offload_wait {
    struct fiber_wait wait; /* first: a job points to it */
    bool dropped;           /* the job was done after the wait was decided: it is gone */
};

static void on_work(uv_work_t *request)
{
    struct lane_job *job = request->data;

    job->work(job);
}

/* Back on the lane. Three cases: the fiber waits and this wakes it; the fiber was woken by its
 * deadline or a cancel but has not run yet; the fiber has left long ago. */
static void on_done(uv_work_t *request, int status)
{
    struct lane_job *job = request->data;
    struct offload_wait *waiter = (struct offload_wait *)(void *)job->wait;

    job->wait = NULL;
    if (waiter && wait_wake(&waiter->wait, status == 0 ? 0 : SHOAL_E_CANCELLED))
        return;
    if (waiter)
        waiter->dropped = true;
    job->drop(job);
}

int lane_offload(struct lane_job *job, int64_t deadline_ns)
{
    struct lane *lane = lane_current();
    struct offload_wait waiter = {.dropped = false};

    if (!lane || !fiber_current())
        die("lane_offload outside a fiber");
    wait_init(&waiter.wait);
    /* cppcheck-suppress autoVariables ; taken back below, before this frame goes */
    job->wait = &waiter.wait;
    job->request.data = job;
    if (uv_queue_work(lane_loop(lane), &job->request, on_work, on_done) != 0)
        die("a job without work");

    int rc = wait_until(&waiter.wait, deadline_ns);

    if (rc != 0 && !waiter.dropped) {
        job->wait = NULL;
        uv_cancel((uv_req_t *)&job->request); /* fails when it has begun; then it goes on alone */
    }
    return rc;
}
