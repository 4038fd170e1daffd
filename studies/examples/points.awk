# The area of a quarter of a circle from points in a square, times four.
BEGIN {
    srand(seed)
    for (i = 0; i < 10; i++) rand()  # the first numbers of seeds that lie close are alike
    for (row = 0; row < side; row++)
        for (column = 0; column < side; column++) {
            x = (plan == "stratified") ? (row + rand()) / side : rand()
            y = (plan == "stratified") ? (column + rand()) / side : rand()
            inside += (x * x + y * y < 1)
        }
    error = 4 * inside / (side * side) - 3.14159265358979
    printf "{\"error\": %.17g}\n", (error < 0 ? -error : error) > (folder "/metrics.json")
}
