int count_words(const char *text);
int longest_line(const char *text);
int is_palindrome(const char *text);
