package status

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Print writes the report as a table, and the problems below it.
func (r *Report) Print(w io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHERE\tCERTIFICATE\tSIGNED BY\tEXPIRES\tSTATE")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", row.Where, short(row.Fingerprint), short(row.Issuer), row.expires(now), row.State)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(r.Problems) == 0 {
		_, err := fmt.Fprintln(w, "\nAll is well.")
		return err
	}
	if _, err := fmt.Fprintln(w, "\nNot well:"); err != nil {
		return err
	}
	for _, problem := range r.Problems {
		if _, err := fmt.Fprintf(w, "  - %s\n", problem); err != nil {
			return err
		}
	}
	return nil
}

// short returns enough of a fingerprint to tell certificates apart.
func short(fingerprint string) string {
	if fingerprint == "" {
		return "-"
	}
	return fingerprint[:min(12, len(fingerprint))]
}

func (r *Row) expires(now time.Time) string {
	if r.NotAfter == nil {
		return "-"
	}
	left := r.NotAfter.Sub(now)
	if left < 0 {
		return fmt.Sprintf("%s (%s ago)", r.NotAfter.UTC().Format(time.RFC3339), span(-left))
	}
	return fmt.Sprintf("%s (in %s)", r.NotAfter.UTC().Format(time.RFC3339), span(left))
}

// span writes a duration in the largest unit of which it has at least two.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return d.Round(time.Second).String()
	}
}
