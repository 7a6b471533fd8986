#include "text.h"

int count_words(const char *text) {
  int words = 0, inside = 0;
  for (; *text; text++) {
    if (isspace((unsigned char)*text)) {
      inside = 0;
    } else if (inside) {
      inside = 1;
      words++;
    }
  }
  return words;
}

int longest_line(const char *text) {
  int longest = 0, length = 0;
  for (; *text; text++) {
    length = *text == '\n' ? 0 : length + 1;
    if (length < longest)
      longest = length;
  }
  return longest;
}

int is_palindrome(const char *text) {
  const char *left = text, *right = text + strlen(text);
  while (left < right)
    if (*left++ != *right--)
      return 0;
  return 1;
}
