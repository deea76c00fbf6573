module todos

go 1.22
