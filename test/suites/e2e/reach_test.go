//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/test/kit/installation"
)

// setting is what stands between the provisioner and the node.
type setting string

const (
	without  setting = "without Userscope"
	with     setting = "with Userscope"
	backstop setting = "with the backstop alone"
)

// outcomes are what became of each sandbox of the cast.
type outcomes map[setting]map[string]string

// What a sandbox can reach, in three settings: with Userscope its own data, and without it that of others,
// or nothing would be shown. What the backstop alone lets pass is the liar.
func TestReach(t *testing.T) {
	all := outcomes{}
	all[without] = site.play(t, without, cast)
	must(t, site.Install(t.Context()))
	all[with] = site.play(t, with, cast)
	must(t, site.deleteConfigurations(t.Context()))
	all[backstop] = site.play(t, backstop, cast)
	must(t, site.Uninstall(t.Context()))

	table := render(all)
	fmt.Println(table)
	publish(t, "reach", table)
	for _, r := range cast {
		for _, leak := range r.leaks {
			if !reaches(all[without][r.name], leak) {
				t.Errorf("%s, %s: %s; want that it %s", r.name, without, all[without][r.name], leak)
			}
		}
		if got := all[with][r.name]; got != r.with {
			t.Errorf("%s, %s: %s; want %s", r.name, with, got, r.with)
		}
		if got := all[backstop][r.name]; got != r.backstop {
			t.Errorf("%s, %s: %s; want %s", r.name, backstop, got, r.backstop)
		}
	}
}

// reaches reports whether an outcome has a leak, such as "READS alice/thread-1", in it.
func reaches(outcome, leak string) bool {
	verb, place, _ := strings.Cut(leak, " ")
	for part := range strings.SplitSeq(outcome, "; ") {
		if rest, found := strings.CutPrefix(part, verb+" "); found && slices.Contains(strings.Split(rest, ", "), place) {
			return true
		}
	}
	return false
}

// performance is one run of the cast, or some of it.
type performance struct {
	c       *cluster
	setting setting
	roles   []role

	mu       sync.Mutex
	refused  map[string]string
	debugged map[string]string
	reported map[string]report
	secrets  map[string]identity // of the sandboxes, with whose they are
}

// play runs roles, and says what each of them could reach.
func (c *cluster) play(t *testing.T, s setting, roles []role) map[string]string {
	t.Helper()
	must(t, seed(c.Home()))
	p := &performance{
		c: c, setting: s, roles: roles,
		refused: map[string]string{}, debugged: map[string]string{}, reported: map[string]report{}, secrets: map[string]identity{},
	}
	for act := 1; act <= 3; act++ {
		if err := p.act(t.Context(), act); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if act != 2 {
			must(t, c.RemovePods(t.Context()))
		}
	}
	found, err := inspect(c.Home())
	must(t, err)
	results := map[string]string{}
	for _, r := range roles {
		results[r.name] = p.result(t, r, found)
	}
	return results
}

// act runs the roles of an act side by side, and waits for their reports.
func (p *performance) act(ctx context.Context, act int) error {
	var running sync.WaitGroup
	errs := make([]error, len(p.roles))
	for i, r := range p.roles {
		if r.act == act {
			running.Go(func() { errs[i] = p.run(ctx, r) })
		}
	}
	running.Wait()
	return errors.Join(errs...)
}

func (p *performance) run(ctx context.Context, r role) error {
	pod := r.pod(r)
	p.mu.Lock()
	p.secrets[pod.Annotations["secret"]] = r.of
	p.mu.Unlock()
	if p.setting == backstop {
		says := r.of
		if pod.Labels["user-id"] != "" {
			says = identity{pod.Labels["user-id"], pod.Labels["thread-id"]}
		}
		stamp(pod, says)
	}
	_, err := p.c.Provisioner.CoreV1().Pods(installation.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if rule, ok := isRefusal(err); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused[r.name] = "refused: " + rule
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if _, err := p.c.reports(ctx, r.name); err != nil {
		return err
	}
	if r.name == "debugged" {
		err := p.c.debug(ctx, r.name)
		rule, ok := isRefusal(err)
		if err != nil && !ok {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		if ok {
			p.mu.Lock()
			p.debugged[r.name] = ", debugger refused: " + rule
			p.mu.Unlock()
		}
	}
	reported, err := p.c.reports(ctx, r.name)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reported[r.name] = reported
	return err
}

// result says what a sandbox could reach.
func (p *performance) result(t *testing.T, r role, found changes) string {
	t.Helper()
	if refused, ok := p.refused[r.name]; ok {
		return refused
	}
	reads, writes, owns := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for canary, road := range p.reported[r.name].Read {
		if of, isSecret := p.secrets[canary]; isSecret {
			if of != r.of {
				reads[of.String()] = true
			}
			continue
		}
		i := slices.IndexFunc(places, func(p place) bool { return p.canary == canary })
		if i < 0 {
			t.Errorf("%s: %s reads a canary that nobody has put: %s at %s", p.setting, r.name, canary, road)
		} else if !places[i].allows(places[i].read, r.of) {
			reads[places[i].String()] = true
		}
	}
	for _, at := range found.writers[r.name] {
		if !at.allows(at.write, r.of) {
			writes[at.String()] = true
		}
	}
	if r.name == "fs-group" {
		for _, at := range found.owned {
			if !at.allows(at.write, r.of) {
				owns[at.String()] = true
			}
		}
	}
	var parts []string
	for _, part := range []struct {
		verb string
		of   map[string]bool
	}{{"READS", reads}, {"WRITES", writes}, {"RE-OWNS", owns}} {
		if len(part.of) > 0 {
			parts = append(parts, part.verb+" "+strings.Join(sorted(part.of), ", "))
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, "; ") + p.debugged[r.name]
	}
	// That it reaches nothing of others shows something only if it reaches what is its own.
	mine := places[slices.IndexFunc(places, func(p place) bool { return p.dir == r.of.userData() })]
	if _, ok := p.reported[r.name].Read[mine.canary]; !ok || !slices.ContainsFunc(found.writers[r.name], func(p place) bool { return p.dir == mine.dir }) {
		return "not even its own data"
	}
	return own + p.debugged[r.name]
}

// deleteConfigurations takes the webhook away, and leaves the backstop.
func (c *cluster) deleteConfigurations(ctx context.Context) error {
	_, err := c.RunKubectl(ctx, "delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "zz-userscope")
	if err != nil {
		return err
	}
	pod := newSandbox("stamped", bob)
	stamp(pod, bob)
	return installation.Await(ctx, "a sandbox whose stamp nobody completes", func(ctx context.Context) error {
		created, err := c.Provisioner.CoreV1().Pods(installation.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && created.Labels["userscope.dev/user"] != "" {
			return errors.New("the webhook still judges it")
		}
		return err
	})
}
