int f(int x) { return x + 1; } int g(int x) { return x * 2; }
__attribute__((noinline)) int h(int x) { return f(x) + g(x); }
int main(void) { return h(1) + f(2); }
