# The area of a quarter of a circle from points in a square, times four.
# The generator is its own: some builds of mawk give other numbers after the same srand(seed).
function uniform() {  # Park and Miller (1988), exact in any awk
    state = (state * 16807) % 2147483647
    return state / 2147483647
}
BEGIN {
    state = seed % 2147483646 + 1
    for (i = 0; i < 10; i++) uniform()  # the first numbers of seeds that lie close are alike
    for (row = 0; row < side; row++)
        for (column = 0; column < side; column++) {
            x = (plan == "stratified") ? (row + uniform()) / side : uniform()
            y = (plan == "stratified") ? (column + uniform()) / side : uniform()
            inside += (x * x + y * y < 1)
        }
    error = 4 * inside / (side * side) - 3.14159265358979
    printf "{\"error\": %.17g}\n", (error < 0 ? -error : error) > (folder "/metrics.json")
}
