package limits_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"userscope.dev/userscope/webhook/limits"
)

// One of each peer after another has its turn, in each peer's own order.
func TestTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := limits.NewTurns(1)
		if err := turns.Take(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		served := make(chan string, 10)
		for _, request := range []string{"a1", "a2", "a3", "b1", "a4", "c1", "b2"} {
			go func() {
				if err := turns.Take(t.Context(), request[:1]); err != nil {
					t.Error(err)
				}
				served <- request
			}()
			synctest.Wait()
		}
		var got []string
		for range 7 {
			turns.Give()
			got = append(got, <-served)
		}
		if want := []string{"a1", "b1", "c1", "a2", "b2", "a3", "a4"}; !slices.Equal(got, want) {
			t.Errorf("served %v, want %v", got, want)
		}
		turns.Give()
		if err := turns.Take(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	})
}

// Who gives up waiting has no turn, and takes none from others.
func TestTurnsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := limits.NewTurns(2)
		for range 2 {
			if err := turns.Take(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone, served := make(chan error, 1), make(chan error, 1)
		go func() { gone <- turns.Take(ctx, "a") }()
		synctest.Wait()
		go func() { served <- turns.Take(t.Context(), "a") }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		turns.Give()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// As many work at once as there are places, and all have their turn, while some give up.
func TestTurnsTogether(t *testing.T) {
	turns := limits.NewTurns(2)
	working, done := make(chan struct{}, 2), make(chan struct{})
	for i := range 40 {
		go func() {
			defer func() { done <- struct{}{} }()
			ctx, cancel := context.WithCancel(t.Context())
			if i%4 == 0 {
				go cancel()
			}
			defer cancel()
			if turns.Take(ctx, string(rune('a'+i%3))) != nil {
				return
			}
			select {
			case working <- struct{}{}:
				<-working
			default:
				t.Error("three work at once")
			}
			turns.Give()
		}()
	}
	for range 40 {
		<-done
	}
	for range 2 {
		if err := turns.Take(t.Context(), "z"); err != nil {
			t.Error(err)
		}
	}
}
