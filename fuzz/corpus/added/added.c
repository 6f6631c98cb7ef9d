int g(int);
static int calls;
int kept = 7;
int (*pointer)(int) = g;
int own(int x) { return pointer(x) + g(++calls) + kept; }
