#include "text.h"
#include <stdio.h>

static int failed;

#define CHECK(call, wanted)                                                     \
  do {                                                                          \
    int got = (call);                                                           \
    if (got != (wanted)) {                                                      \
      printf("FAIL text.c: %s: got %d, wanted %d\n", #call, got, (wanted));     \
      failed++;                                                                 \
    }                                                                           \
  } while (0)

int main(void) {
  CHECK(count_words(""), 0);
  CHECK(count_words("two words"), 2);
  CHECK(count_words("  and\tthree more\n"), 3);
  CHECK(longest_line("a\nbcd\ne"), 3);
  CHECK(longest_line("\n"), 0);
  CHECK(is_palindrome("level"), 1);
  CHECK(is_palindrome("noon"), 1);
  CHECK(is_palindrome("novel"), 0);
  printf("%d of 8 checks failed\n", failed);
  return failed > 0;
}
