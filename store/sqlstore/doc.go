// Package sqlstore is what the SQL engines have in common: every statement, the mapping
// between rows and values, and the rules of the contracts that a store implements
// (auth.KeyStore, ledger.Store, access.Store, history.Store, vault.Store). An engine is a
// [Dialect] and the database it opens.
//
// The model:
//
//   - Values travel as parameters only. SQL text is put together from this package's own
//     fragments and never from values.
//   - Writes of one call are one transaction. A transaction that the engine gave up for
//     another's sake (a deadlock) is tried again.
//   - Whatever needs an order of changes counts up a row of the table revisions first. The
//     row's lock is held until the commit, so a lower number is visible before a higher one
//     is, whoever commits first.
//   - Sums by hour are written with the rows they come from, and count those rows only that
//     were not there already.
//   - Times are microseconds in UTC, money nano-dollars. Text in descriptions is mended
//     where a database could not hold it; in names and secrets it is refused.
//
// Errors begin with the engine's name and what was to be done, and wrap the contracts'
// errors. They hold no value of a row and no part of a DSN.
package sqlstore
