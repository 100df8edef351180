#include "tests/unit/protocols/taler/vectors.h"

static void lengths_are_upstreams(void **state)
{
    static const size_t known[][2] = {{16, 26}, {32, 52}, {64, 103}, {256, 410}, {263, 421}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(TALER_B32_LEN(known[i][0]), known[i][1]);
        assert_int_equal(TALER_B32_BYTES(known[i][1]), known[i][0]);
    }
}

/* Against a reader and a writer of single bits. */
static void every_length_and_many_bytes_match_a_bitwise_writer(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t data[700], back[700];
    char text[TALER_B32_LEN(700) + 1];
    uint32_t seed = 1;
    for (size_t size = 0; size <= sizeof(data); size++) {
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        taler_b32_encode(text, sizeof(text), data, size);
        assert_int_equal(strlen(text), TALER_B32_LEN(size));
        for (size_t c = 0; c < strlen(text); c++) {
            unsigned v = 0;
            for (size_t bit = c * 5; bit < c * 5 + 5; bit++)
                v = v << 1 | (bit < size * 8 ? data[bit / 8] >> (7 - bit % 8) & 1u : 0);
            assert_int_equal(text[c], alphabet[v]);
        }
        assert_int_equal(taler_b32_decode(back, size, text, strlen(text)), 0);
        assert_memory_equal(back, data, size);
        struct buf b = {0};
        taler_b32_put(&b, data, size);
        assert_int_equal(b.len, strlen(text));
        if (size > 0)
            assert_memory_equal(b.data, text, b.len);
        buf_free(&b);
    }
}

static void every_character_means_what_it_should(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int c = 0; c < 256; c++) {
        int upper = c >= 'a' && c <= 'z' ? c - 32 : c;
        if (upper == 'O')
            upper = '0';
        if (upper == 'I' || upper == 'L')
            upper = '1';
        if (upper == 'U')
            upper = 'V';
        const char *at = upper ? strchr(alphabet, upper) : NULL;
        char text[8] = {'0', '0', '0', '0', '0', '0', '0', (char)c};
        uint8_t out[5];
        if (at) {
            assert_int_equal(taler_b32_decode(out, 5, text, 8), 0);
            assert_int_equal(out[4], at - alphabet);
        } else {
            assert_int_equal(taler_b32_decode(out, 5, text, 8), SHOAL_E_BAD_INPUT);
        }
    }
}

static void other_lengths_and_padding_are_refused(void **state)
{
    uint8_t out[64];
    char text[104];
    memset(text, '0', sizeof(text));
    assert_int_equal(taler_b32_decode(out, 64, text, 103), 0);
    assert_int_equal(taler_b32_decode(out, 64, text, 102), SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_b32_decode(out, 64, text, 104), SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_b32_decode(out, 32, "", 0), SHOAL_E_BAD_INPUT);
    assert_int_equal(taler_b32_decode(out, 0, "", 0), 0);
    text[102] = '8'; /* the last group holds two bits and three of padding */
    assert_int_equal(taler_b32_decode(out, 64, text, 103), 0);
    assert_int_equal(out[63], 1);
    text[102] = '1';
    assert_int_equal(taler_b32_decode(out, 64, text, 103), SHOAL_E_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_upstreams),
        cmocka_unit_test(every_length_and_many_bytes_match_a_bitwise_writer),
        cmocka_unit_test(every_character_means_what_it_should),
        cmocka_unit_test(other_lengths_and_padding_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
