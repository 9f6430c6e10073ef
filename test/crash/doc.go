// Crash kills the gateway and looks for what is missing:
//
//	go run ./test/crash [-short] [-rounds N]
//
// A real gateway with an SQLite store serves a load against the simulated provider in
// another process, is killed with SIGKILL at a random moment, and starts again, many times
// over. In every third round the database is locked before the kill, so that the rows are
// in the spool when it comes. At the end the ledger is compared with what the clients were
// answered and with what the provider counted. Then the disk fills up under a running
// gateway, and is made larger again.
//
// It exits with 1 where a row that had been settled for 200 ms is missing or counted twice,
// the sums differ, or the database is not sound.
package main
