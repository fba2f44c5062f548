// Says `Hi, ferris?` to an echo server that is far away, and reads the answer with a deadline: before it can have come, when it
// has come, and without the deadline.
//
//	go run ./cmd/go-deadline-client [ADDRESS]
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

const (
	message  = "Hi, ferris?"
	patience = 50 * time.Millisecond
	// By then the answer is here.
	arrival = 300 * time.Millisecond
)

func main() {
	address := "127.0.0.1:8000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	conn, err := net.Dial("tcp", address)
	check(err)
	_, err = conn.Write([]byte(message))
	check(err)
	answer := make([]byte, len(message))
	// ANCHOR: deadline
	conn.SetReadDeadline(time.Now().Add(patience)) // ❶
	n, err := conn.Read(answer)
	fmt.Println("first read:", n, err)
	time.Sleep(arrival)
	n, err = conn.Read(answer) // ❷
	fmt.Println("second read:", n, err)
	conn.SetReadDeadline(time.Time{}) // ❸
	n, err = conn.Read(answer)
	fmt.Println("third read:", n, err)
	// ANCHOR_END: deadline
	check(conn.Close())
}

// check ends the program with what went wrong, if something did.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
