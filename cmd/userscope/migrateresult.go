package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"userscope.dev/userscope/migrate"
)

// migrateItem is what migrate says of one file. Its JSON is API.
type migrateItem struct {
	Status migrate.Status `json:"status"`
	From   string         `json:"from"`
	// FromBytes is From where that is not UTF-8, and JSON has to replace some of it; in base64.
	FromBytes []byte `json:"fromBytes,omitempty"`
	To        string `json:"to"`
	User      string `json:"user"`
	Why       string `json:"why,omitempty"`
}

func newMigrateItem(item *migrate.Item, legacy string) migrateItem {
	result := migrateItem{Status: item.Status, From: item.From(legacy), To: item.To(), User: item.User, Why: item.Why}
	if !utf8.ValidString(result.From) {
		result.FromBytes = []byte(result.From)
	}
	return result
}

// printPlan prints what becomes of each file, and how many have which status. There may be a
// hundred thousand: none is kept.
func printPlan(stdout io.Writer, plan *migrate.Plan, legacy string, format outputFormat) error {
	w := bufio.NewWriter(stdout)
	var err error
	if format == outputJSON {
		err = printPlanJSON(w, plan, legacy)
	} else {
		printPlanText(w, plan, legacy)
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

func printPlanJSON(w io.Writer, plan *migrate.Plan, legacy string) error {
	totals := map[migrate.Status]int{}
	for i := range plan.Items {
		totals[plan.Items[i].Status]++
	}
	text, err := json.Marshal(totals)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "{\n  \"totals\": %s,\n  \"items\": [", text)
	for i := range plan.Items {
		text, err := json.Marshal(newMigrateItem(&plan.Items[i], legacy))
		if err != nil {
			return err
		}
		separator := ","
		if i == 0 {
			separator = ""
		}
		fmt.Fprintf(w, "%s\n    %s", separator, text)
	}
	if len(plan.Items) > 0 {
		fmt.Fprint(w, "\n  ")
	}
	fmt.Fprint(w, "]\n}\n")
	return nil
}

func printPlanText(w *bufio.Writer, plan *migrate.Plan, legacy string) {
	row := func(i int) [4]string {
		item := &plan.Items[i]
		return [4]string{string(item.Status), plain(item.From(legacy)), plain(item.To()), sentence(item.Why)}
	}
	header := [4]string{"STATUS", "FROM", "TO"}
	widths := [4]int{}
	widen := func(cells [4]string) {
		for i, cell := range cells {
			widths[i] = max(widths[i], len(cell))
		}
	}
	widen(header)
	for i := range plan.Items {
		widen(row(i))
	}
	if len(plan.Items) > 0 {
		printRow(w, header, widths)
	}
	for i := range plan.Items {
		printRow(w, row(i), widths)
	}
	if len(plan.Items) == 0 {
		fmt.Fprintln(w, "Nothing is left in the old layout.")
		return
	}
	fmt.Fprintln(w)
	for _, status := range migrate.Statuses {
		if n := plan.Count(func(s migrate.Status) bool { return s == status }); n > 0 {
			fmt.Fprintf(w, "%-*s  %d\n", widths[0], status, n)
		}
	}
	fmt.Fprintf(w, "%-*s  %d\n", widths[0], "total", len(plan.Items))
}

// printRow prints cells in columns, without blanks at the end.
func printRow(w *bufio.Writer, cells [4]string, widths [4]int) {
	gap := 0
	for i, cell := range cells {
		if cell != "" {
			fmt.Fprintf(w, "%*s%s", gap, "", cell)
			gap = 0
		}
		gap += widths[i] - len(cell) + 2
	}
	fmt.Fprintln(w)
}

// migrateUndone is what migrate undo says. Its JSON is API.
type migrateUndone struct {
	Back int           `json:"back"`
	Gone int           `json:"gone"`
	Left []migrateLeft `json:"left"`
}

type migrateLeft struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

func printUndone(w io.Writer, undone *migrate.Undone, format outputFormat) error {
	if format == outputJSON {
		result := migrateUndone{Back: undone.Back, Gone: undone.Gone, Left: []migrateLeft{}}
		for _, left := range undone.Left {
			result.Left = append(result.Left, migrateLeft(left))
		}
		return printJSON(w, result)
	}
	for _, left := range undone.Left {
		if _, err := fmt.Fprintf(w, "left  %s  %s\n", plain(left.Path), sentence(left.Why)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "back %d, gone since %d, left %d\n", undone.Back, undone.Gone, len(undone.Left))
	return err
}
