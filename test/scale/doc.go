// Command scale measures the dashboard where there is much to show: the real program with
// 200 accounts and 10,000 stored client keys under load, and a real headless Chromium that
// looks at it. It prints what docs/performance.md says of the dashboard.
//
// A house is a configuration of so many accounts and keys, and the calls that come to it.
// On the wire, the stream of events is counted byte by byte at a connection of its own; in
// the browser, a tab tells what its heap holds, what its frames and its longest tasks
// took, and how much of a processor it needs.
package main
