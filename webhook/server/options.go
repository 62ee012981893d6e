package server

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"
)

// DefaultDrainDelay is how long a server that is told to end goes on serving. The news that a
// Pod is going away reaches the API servers' nodes in a few seconds, and a request may take
// the five seconds of the webhook's timeout; delay and requests together must fit into the 30
// seconds after which the kubelet kills the Pod.
const DefaultDrainDelay = 10 * time.Second

// DefaultReadTimeout is twice as long as an API server waits for an answer.
const DefaultReadTimeout = 10 * time.Second

// DefaultMaxConnections are far more than API servers hold: each of them keeps 25 idle ones to a webhook, and opens
// one for each request beyond.
const DefaultMaxConnections = 512

// Options say where and how to serve. They are named by the flags that set them.
type Options struct {
	// Listen is the host:port of the webhook; no host means all addresses.
	Listen string
	// ListenHealth is the host:port of health and metrics.
	ListenHealth string
	// ServiceName and ServiceNamespace name the Service by which API servers reach the
	// webhook: the server is ready only while its certificate names it. Empty for a
	// webhook that is reached otherwise.
	ServiceName      string
	ServiceNamespace string
	// DrainDelay is how long the webhook goes on serving, without being ready, once it is
	// told to end.
	DrainDelay time.Duration
	// ReadTimeout is how long a request may take to come, its body included.
	ReadTimeout time.Duration
	// MaxConnections is how many connections the webhook holds at once.
	MaxConnections int
	// ClientCA is a file of CAs in PEM, and ClientNames are those that a client certificate of theirs must be for:
	// a cluster's CA signs the certificates of every kubelet, too. Empty for a webhook that answers everybody.
	ClientCA    string
	ClientNames []string
}

// Validate reports every mistake in the options.
func (o Options) Validate() error {
	var mistakes []error
	if err := CheckAddress(o.Listen); err != nil {
		mistakes = append(mistakes, fmt.Errorf("--listen: %w", err))
	}
	if err := (Health{Listen: o.ListenHealth}).Validate(); err != nil {
		mistakes = append(mistakes, err)
	}
	if (o.ServiceName == "") != (o.ServiceNamespace == "") {
		mistakes = append(mistakes, fmt.Errorf("--service-name %q, --service-namespace %q: set both or neither", o.ServiceName, o.ServiceNamespace))
	}
	if o.DrainDelay < 0 {
		mistakes = append(mistakes, fmt.Errorf("--drain-delay %s: must not be negative", o.DrainDelay))
	}
	if (o.ClientCA == "") != (len(o.ClientNames) == 0) {
		mistakes = append(mistakes, fmt.Errorf("--client-ca %q, --client-names %q: set both or neither", o.ClientCA, o.ClientNames))
	}
	if slices.Contains(o.ClientNames, "") {
		mistakes = append(mistakes, errors.New("--client-names: one is empty"))
	}
	if o.ReadTimeout <= 0 {
		mistakes = append(mistakes, fmt.Errorf("--read-timeout %s: must be positive", o.ReadTimeout))
	}
	if o.MaxConnections < 1 {
		mistakes = append(mistakes, fmt.Errorf("--max-connections %d: must be positive", o.MaxConnections))
	}
	return errors.Join(mistakes...)
}

// ServiceHost is the name by which API servers call the webhook; empty where it has no
// Service.
func (o Options) ServiceHost() string {
	if o.ServiceName == "" {
		return ""
	}
	return o.ServiceName + "." + o.ServiceNamespace + ".svc"
}

// CheckAddress reports a mistake in a host:port. The port must be a number that can be listened on: 0 would
// mean a port that nobody knows.
func CheckAddress(address string) error {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q: want HOST:PORT or :PORT", address)
	}
	number, err := strconv.ParseUint(text, 10, 16) // unlike Atoi it takes no sign
	if err != nil || number == 0 {
		return fmt.Errorf("%q: port %q: want a number from 1 to 65535", address, text)
	}
	return nil
}
