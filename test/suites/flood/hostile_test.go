//go:build !race

package flood

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hostileVariable makes a process of this test binary the hostile clients: a process of their own, so that what
// they use of the machine is not the honest clients'.
const hostileVariable = "USERSCOPE_TEST_HOSTILE"

// hostileAddress is where they come from.
const hostileAddress = "127.0.0.2"

// maxAttempts bounds what one client does, however fast it is.
const maxAttempts = 20000

// hostility is what the hostile clients are told.
type hostility struct {
	Address string
	Clients int
	For     time.Duration
}

// outcomes count what became of attempts: by HTTP status, the code in a review, or "closed".
type outcomes map[string]int

// hostile is the process of hostile clients.
func hostile(text string) error {
	var told hostility
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), told.For)
	defer cancel()
	var mu sync.Mutex
	total := outcomes{}
	var clients sync.WaitGroup
	for i := range told.Clients {
		clients.Go(func() {
			mine := attack(ctx, told.Address, i)
			mu.Lock()
			defer mu.Unlock()
			for outcome, n := range mine {
				total[outcome] += n
			}
		})
	}
	clients.Wait()
	return json.NewEncoder(os.Stdout).Encode(total)
}

// attack is what one client does until ctx ends.
func attack(ctx context.Context, address string, client int) outcomes {
	ways := []func(context.Context, string) string{halfABody, halfAHeader, silence}
	names := slices.Sorted(maps.Keys(hostileBodies))
	transport := &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   insecure,
		DisableKeepAlives: client%2 == 0,
	}
	defer transport.CloseIdleConnections()
	for _, name := range names {
		ways = append(ways, func(ctx context.Context, address string) string {
			return post(ctx, &http.Client{Transport: transport}, address, hostileBodies[name])
		})
	}
	result := outcomes{}
	for attempt := 0; attempt < maxAttempts && ctx.Err() == nil; attempt++ {
		// Each client has a way of its own most of the time, so that no way waits for the slowest.
		way := client % len(ways)
		if attempt%8 == 7 {
			way = (client + attempt) % len(ways)
		}
		outcome := ways[way](ctx, address)
		if ctx.Err() == nil {
			result[outcome]++
		}
	}
	return result
}

var (
	insecure = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the test knows whom it calls
	dialer   = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(hostileAddress)}}
)

// closed is the outcome of an attempt that got no answer.
const closed = "closed"

// post sends a body and returns the code in the answer.
func post(ctx context.Context, client *http.Client, address, body string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+"/mutate", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return closed
	}
	defer response.Body.Close()
	return codeOf(response)
}

// codeOf is the code in a review.
func codeOf(response *http.Response) string {
	var review struct {
		Response struct{ Status struct{ Code int } }
	}
	if err := json.NewDecoder(response.Body).Decode(&review); err != nil {
		return closed
	}
	return fmt.Sprint(review.Response.Status.Code)
}

// halfABody sends all but the last byte and waits for what comes of it.
func halfABody(ctx context.Context, address string) string {
	return talk(ctx, address, fmt.Sprintf("POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", maxBody)+
		hostileBodies["one long name"][:maxBody-2<<10])
}

// halfAHeader begins a request.
func halfAHeader(ctx context.Context, address string) string {
	return talk(ctx, address, "POST /mutate HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 12<<10))
}

// silence connects and says nothing.
func silence(ctx context.Context, address string) string { return talk(ctx, address, "") }

// talk writes and waits for an answer or the end.
func talk(ctx context.Context, address, text string) string {
	conn, err := (&tls.Dialer{NetDialer: dialer, Config: insecure}).DialContext(ctx, "tcp", address)
	if err != nil {
		return closed
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, text); err != nil {
		return closed
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return closed
	}
	defer response.Body.Close()
	return codeOf(response)
}

// startHostile starts the hostile clients; the result is awaited by the function that is returned.
func startHostile(t *testing.T, told hostility) (await func() outcomes) {
	t.Helper()
	text, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), hostileVariable+"="+string(text), "GOMEMLIMIT=off")
	command.Stdout, command.Stderr = &out, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	return func() outcomes {
		t.Helper()
		if err := command.Wait(); err != nil {
			t.Fatal(err)
		}
		var result outcomes
		if err := json.Unmarshal([]byte(out.String()), &result); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		return result
	}
}
