module fromforktoawait

go 1.24
