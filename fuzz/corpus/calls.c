extern long __SCK__f; int __SCT__f(int); int f(int); int g(int); static int own(int x) { return x ^ 3; }
void *const key = &__SCK__f;
int (*table[])(int) = { f, g, own };
int main(void) { return f(1) + g(2) + own(3) + __SCT__f(4) + table[1](5); }
int tail(int x) { return f(x + 1); }
