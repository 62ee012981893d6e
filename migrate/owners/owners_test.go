package owners

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// load writes a file and reads the owners from it.
func load(t *testing.T, content string) (Owners, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "owners")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	owners, err := Load(t.Context(), file)
	if err != nil { // for the reader's sake, without the directory
		err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), file, "FILE"))
	}
	return owners, err
}

func TestText(t *testing.T) {
	long := strings.Repeat("u", 255)
	for _, test := range []struct {
		name, content string
		want          Owners
	}{
		{"CSV", "thread_id,user_id\nt1,alice\nt2,bob\n", Owners{"t1": "alice", "t2": "bob"}},
		{"CSV with a header only", "thread_id,user_id\n", Owners{}},
		{"CSV of Windows", "\uFEFFthread_id,user_id\r\nt1,alice\r\n", Owners{"t1": "alice"}},
		{"CSV with quotes and empty lines", "thread_id,user_id\n\n\"t1\",\"alice\"\n\n", Owners{"t1": "alice"}},
		{"CSV of a whole table", "user_id,display_name,thread_id\nalice,\"Hello,\n\"\"you\"\"\",t1\n", Owners{"t1": "alice"}},
		{"CSV with a thread that nobody owns", "thread_id,user_id\nt1,\nt2,bob\n", Owners{"t2": "bob"}},
		{"the longest ids", "thread_id,user_id\n" + long[:64] + "," + long + "\n", Owners{long[:64]: long}},
		{"the oddest ids", "thread_id,user_id\n-,_\n_-,default\n", Owners{"-": "_", "_-": "default"}},

		{"JSON object", `{"t1": "alice", "t2": "bob"}`, Owners{"t1": "alice", "t2": "bob"}},
		{"JSON list", `[{"thread_id": "t1", "user_id": "alice"}, {"user_id": "bob", "thread_id": "t2"}]`, Owners{"t1": "alice", "t2": "bob"}},
		{"JSON of Windows", "\uFEFF\r\n{\r\n\"t1\": \"alice\"\r\n}\r\n", Owners{"t1": "alice"}},
		{"JSON with threads that nobody owns", `{"t1": null, "t2": "", "t3": "carol"}`, Owners{"t3": "carol"}},
		{"JSON rows of threads that nobody owns", `[{"thread_id": "t1", "user_id": null}, {"thread_id": "t2", "user_id": ""}]`, Owners{}},
		{"JSON rows of a whole table", `[{"thread_id": "t1", "metadata_json": {"user_id": ["x", {}]}, "status": 1, "user_id": "alice"}]`, Owners{"t1": "alice"}},
		{"JSON with escapes", `{"t\u0031": "\u0061lice"}`, Owners{"t1": "alice"}},
		{"empty JSON object", `{}`, Owners{}},
		{"empty JSON list", `[]`, Owners{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := load(t, test.content); err != nil || !maps.Equal(got, test.want) {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name, content string
		want          string
	}{
		{"nothing", "", "FILE: is empty"},
		{"nothing but space", "\uFEFF \r\n\n", "FILE: is empty"},
		{"UTF-16", "\xff\xfet\x00h\x00", "FILE: is text in UTF-16: save it as UTF-8"},
		{"something else", "\x7fELF\x02\x01\x01", `FILE: line 1: ["\x7fELF\x02\x01\x01"]: is neither JSON nor SQLite nor a CSV header with the column thread_id: want thread_id,user_id`},

		{"a thread named twice", "thread_id,user_id\nt1,alice\nt2,bob\nt1,carol\n",
			`FILE: line 4: thread_id "t1": is named again, with user_id "carol"; line 2 has it with "alice": leave one`},
		{"a thread named twice by the same user", "thread_id,user_id\nt1,alice\nt2,bob\nt1,alice\n",
			`FILE: line 4: thread_id "t1": is named again, with user_id "alice"; line 2 has it with "alice": leave one`},
		{"a thread owned and not owned", "thread_id,user_id\nt1,\nt1,alice\n",
			`FILE: line 3: thread_id "t1": is named again, with user_id "alice"; line 2 has it with "": leave one`},
		{"lines behind one of several lines", "thread_id,user_id,name\nt1,alice,\"a\nb\"\nt1,bob,\n",
			`FILE: line 4: thread_id "t1": is named again, with user_id "bob"; line 2 has it with "alice": leave one`},
		{"several mistakes", "thread_id,user_id\n../x,alice\n,bob\nt1, alice\nt2,a@b\n",
			`FILE: line 2: thread_id "../x": has characters that no policy can admit there
FILE: line 3: thread_id "": is empty
FILE: line 4: user_id " alice" of thread "t1": has characters that no policy can admit there
FILE: line 5: user_id "a@b" of thread "t2": has characters other than A-Z, a-z, 0-9, _ and - (see idCharacters)`},
		{"words for no user", "thread_id,user_id\nt1,NULL\nt2,None\nnull,alice\nt3,NONE\nt4,nullable\n",
			`FILE: line 2: user_id of thread "t1": "NULL" is a word for no user, and would be one: leave it empty
FILE: line 3: user_id of thread "t2": "None" is a word for no user, and would be one: leave it empty
FILE: line 5: user_id of thread "t3": "NONE" is a word for no user, and would be one: leave it empty`},
		{"a word for no user in JSON", `{"t1": null, "t2": "null"}`,
			`FILE: entry 2: user_id of thread "t2": "null" is a word for no user, and would be one: leave it empty`},
		{"ids too long", "thread_id,user_id\n" + strings.Repeat("t", 65) + ",alice\nt1," + strings.Repeat("u", 256) + "\n",
			`FILE: line 2: thread_id "` + strings.Repeat("t", 65) + `": is 65 bytes long, and 64 are allowed
FILE: line 3: user_id "` + strings.Repeat("u", 80) + `" of thread "t1": is 256 bytes long, and 255 are allowed`},
		{"more mistakes than anybody reads", "thread_id,user_id\n" + strings.Repeat(".,alice\n", 23), strings.Join(append(
			mistakes(20, `FILE: line %d: thread_id ".": has characters that no policy can admit there`), "FILE: and 3 more mistakes"), "\n")},

		{"CSV without a header", "t1,alice\n", `FILE: line 1: ["t1" "alice"]: is neither JSON nor SQLite nor a CSV header with the column thread_id: want thread_id,user_id`},
		{"CSV without users", "thread_id,owner\n", `FILE: line 1: ["thread_id" "owner"]: is neither JSON nor SQLite nor a CSV header with the column user_id: want thread_id,user_id`},
		{"CSV with semicolons", "thread_id;user_id\n", `FILE: line 1: ["thread_id;user_id"]: is neither JSON nor SQLite nor a CSV header with the column thread_id: want thread_id,user_id`},
		{"CSV with a column twice", "user_id,thread_id,user_id\n", `FILE: line 1: has the column user_id twice`},
		{"CSV with another number of columns", "thread_id,user_id\nt1,alice\nt2\n", `FILE: record on line 3: wrong number of fields`},
		{"CSV with a report at the end", "thread_id,user_id\n.,alice\n(1 row)\n",
			"FILE: line 2: thread_id \".\": has characters that no policy can admit there\nFILE: record on line 3: wrong number of fields"},
		{"CSV with a bare quote", "thread_id,user_id\nt1,al\"ice\n", `FILE: parse error on line 2, column 6: bare " in non-quoted-field`},
		{"CSV with a NUL", "thread_id,user_id\nt1,alice\x00\n", `FILE: line 2: user_id "alice\x00" of thread "t1": has characters that no policy can admit there`},
		{"CSV that ends in a user", "thread_id,user_id\nt1,alice\nt2,bo", `FILE: line 3: has no line break at its end: was the file cut? If not, add one`},
		{"CSV that ends in a thread", "user_id,thread_id\r\nalice,t1\r\nbob,t", `FILE: line 3: has no line break at its end: was the file cut? If not, add one`},
		{"CSV that ends in its header", "thread_id,user_id", `FILE: line 1: has no line break at its end: was the file cut? If not, add one`},
		{"CSV with an endless quote", "thread_id,user_id\nt1,\"" + strings.Repeat("x\n", maxRecord), `FILE: after line 1: one record is longer than 1048576 bytes: is a quote not closed?`},

		{"JSON with a thread twice", `{"t1": "alice", "t2": "bob", "t1": "carol"}`,
			`FILE: entry 3: thread_id "t1": is named again, with user_id "carol"; entry 1 has it with "alice": leave one`},
		{"JSON rows with a thread twice", `[{"thread_id": "t1", "user_id": "alice"}, {"thread_id": "t1", "user_id": null}]`,
			`FILE: entry 2: thread_id "t1": is named again, with user_id ""; entry 1 has it with "alice": leave one`},
		{"a JSON row with a key twice", `[{"thread_id": "t1", "user_id": "alice", "user_id": "bob"}]`, `FILE: entry 1: has user_id twice`},
		{"a JSON row without a user", `[{"thread_id": "t1"}]`, `FILE: entry 1: has no user_id`},
		{"a JSON row without a thread", `[{"user_id": "alice"}]`, `FILE: entry 1: has no thread_id`},
		{"a JSON row that is none", `[["t1", "alice"]]`, `FILE: entry 1: is no object with thread_id and user_id`},
		{"a JSON row by itself", `{"thread_id": "t1", "user_id": "alice"}`, `FILE: entry 1: "thread_id": is a key where a thread belongs: put the objects into one list`},
		{"a JSON number", `{"t1": 1e6}`, `FILE: entry 1: "t1": 1e6: want a string`},
		{"a JSON user with parts", `{"t1": {"user_id": "alice"}}`, `FILE: entry 1: "t1": {: want a string`},
		{"a JSON row with a number", `[{"thread_id": 1, "user_id": "alice"}]`, `FILE: entry 1: thread_id: 1: want a string`},
		{"JSON that ends early", `{"t1": "alice"`, `FILE: entry 1: unexpected EOF`},
		{"JSON that ends in a row", `[{"thread_id": "t1"`, `FILE: entry 1: unexpected EOF`},
		{"JSON that ends at once", `[`, `FILE: unexpected EOF`},
		{"JSON that goes on", `{"t1": "alice"} {"t2": "bob"}`, `FILE: goes on after the JSON value: want one object or one list`},
		{"JSON with a comma too many", `{"t1": "alice",}`, "FILE: byte 15: invalid character '}' looking for beginning of object key string"},
		{"JSON that is no UTF-8", "{\"t1\": \"al\xffice\"}", "FILE: entry 1: user_id \"al\uFFFDice\" of thread \"t1\": has characters that no policy can admit there"},
		{"JSON with an endless string", `{"t1": "` + strings.Repeat("x", 2*maxRecord), `FILE: entry 1: one record is longer than 1048576 bytes: is a quote not closed?`},
		{"JSON that is nested without end", `[{"x": ` + strings.Repeat("[", 10_001), `FILE: byte 10005: invalid character '[' exceeded max depth`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := load(t, test.content)
			if err == nil || got != nil {
				t.Fatalf("got %d owners, %v; want %s", len(got), err, test.want)
			}
			if err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

// mistakes repeats a message for line after line, from the second on.
func mistakes(n int, format string) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(format, i+2)
	}
	return lines
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, source, want string }{
		{"a directory", dir, dir + ": is a directory"},
		{"nothing there", dir + "/none.csv", dir + "/none.csv: no such file or directory"},
		{"behind a file", os.Args[0] + "/x", os.Args[0] + "/x: not a directory"},
		{"no name", "", ": no such file or directory"},
	} {
		if _, err := Load(t.Context(), test.source); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

// A pipe is a file too, as the shell's <(…) makes them.
func TestPipe(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	go func() {
		_, _ = write.WriteString("thread_id,user_id\nt1,alice\n")
		_ = write.Close()
	}()
	got, err := Load(t.Context(), fmt.Sprintf("/dev/fd/%d", read.Fd()))
	if err != nil || got["t1"] != "alice" {
		t.Errorf("got %v, %v", got, err)
	}
}

// What the owners of a large installation take is what stays when they are read, and the collector
// has had no need to run more than a few times meanwhile.
func TestMemory(t *testing.T) {
	const threads, users, most = 100_000, 1_000, 32 << 20
	thread := func(i int) string { return fmt.Sprintf("%08x-5e1f-4c0e-9d53-%012x", i, i) }
	user := func(i int) string { return fmt.Sprintf("%08x-77aa-4b11-8c22-%012x", i%users, i%users) }
	dir := t.TempDir()
	for name, write := range map[string]func(w io.Writer) error{
		"owners.csv": func(w io.Writer) error {
			_, err := io.WriteString(w, "thread_id,user_id\n")
			for i := 0; i < threads && err == nil; i++ {
				_, err = fmt.Fprintf(w, "%s,%s\n", thread(i), user(i))
			}
			return err
		},
		"owners.json": func(w io.Writer) error {
			_, err := io.WriteString(w, "{")
			for i := 0; i < threads && err == nil; i++ {
				_, err = fmt.Fprintf(w, "%q: %q,\n", thread(i), user(i))
			}
			_, _ = io.WriteString(w, `"last": "user"}`)
			return err
		},
	} {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(file); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	database := create(t, filepath.Join(dir, "owners.db"))
	tx, err := database.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	insert, err := tx.PrepareContext(t.Context(), "INSERT INTO threads_meta (thread_id, user_id) VALUES (?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	for i := range threads {
		if _, err := insert.ExecContext(t.Context(), thread(i), user(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}

	for _, name := range []string{"owners.csv", "owners.json", "owners.db"} {
		t.Run(name, func(t *testing.T) {
			grown := peak(t, func(ctx context.Context) {
				got, err := Load(ctx, filepath.Join(dir, name))
				if err != nil || len(got) < threads || got[thread(threads-1)] != user(threads-1) {
					t.Fatalf("got %d owners, %v", len(got), err)
				}
			})
			t.Logf("%d kB", grown>>10)
			if grown > most {
				t.Errorf("took %d MB, want at most %d", grown>>20, most>>20)
			}
		})
	}
}

// peak returns by how much the heap grew at the most, as far as the runtime tells, while f ran.
func peak(t *testing.T, f func(context.Context)) uint64 {
	t.Helper()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan uint64)
	go func() {
		var most uint64
		for ctx.Err() == nil {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		done <- most
	}()
	f(t.Context())
	cancel()
	return max(<-done, before.HeapAlloc) - before.HeapAlloc
}
