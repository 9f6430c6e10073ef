package api

import (
	"encoding/csv"
	"net/http"
	"strings"
)

// Sheet is an answer as a table: what a list is when ?format=csv asks for it.
type Sheet struct {
	// Name is the file's, without its ending.
	Name string
	Head []string
	Rows [][]string
}

// formatParam is the query's format.
func formatParam() Param {
	return Param{Name: "format", About: "json or csv; default json", Enum: []string{"json", "csv"}}
}

// write sends the table as CSV.
func (s *Sheet) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+s.Name+`.csv"`)
	w.WriteHeader(http.StatusOK)
	c := csv.NewWriter(w)
	_ = c.Write(s.Head) // what goes wrong shows at the end
	for _, row := range s.Rows {
		for i := range row {
			row[i] = inert(row[i])
		}
		_ = c.Write(row)
	}
	c.Flush() // a reader that has gone needs no more
}

// inert keeps a spreadsheet from taking a client's text for a formula.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) && !number(cell) {
		return "'" + cell
	}
	return cell
}

// number says that a text that begins with a sign is only a number.
func number(s string) bool {
	return strings.Trim(s, "+-0123456789.") == ""
}
