package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
)

// loadOwners reads whose each thread is from a CSV file with the header thread_id,user_id.
func loadOwners(_ context.Context, source string) (map[string]string, error) {
	file, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord, reader.ReuseRecord = 2, true
	if header, err := reader.Read(); err != nil || header[0] != "thread_id" || header[1] != "user_id" {
		return nil, fmt.Errorf("%s: want CSV with the header thread_id,user_id", source)
	}
	owners := map[string]string{}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return owners, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		if _, twice := owners[row[0]]; twice {
			return nil, fmt.Errorf("%s: thread %q is there twice", source, row[0])
		}
		owners[row[0]] = row[1]
	}
}
