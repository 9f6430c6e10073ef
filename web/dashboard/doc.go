// Package dashboard serves the page that operators look at: plain ES modules, style
// sheets and texts, embedded in the program and served as they stand in the tree. There
// is no build step; the two libraries that the page uses are vendored (see `make
// vendor-web`).
//
// The page holds no data and no secret of its own: whatever it shows it asks the admin
// API for, with the cookie of whoever has signed in. Its content security policy allows
// nothing but this origin, and neither inline scripts nor inline styles.
//
// In static/, lib is what has no look (API, live data, words, numbers), parts is what
// pages are made of, pages has a file a page.
package dashboard
