// Bench measures what the gateway costs and prints one Markdown table:
//
//	go run ./test/bench [-short]
//
// It times the budget and the token counter in this process; everything else it
// measures from outside, on real processes over loopback: the gateway's own binary,
// the simulated upstream and, to compare, httputil.ReverseProxy. CPU is what the
// kernel accounts to a process. docs/performance.md keeps the results.
package main
