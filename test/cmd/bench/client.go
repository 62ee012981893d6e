package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client sends requests over a connection of its own, as a program of its own would. It does next to nothing
// beside, since it runs on the machine that it measures.
type client struct {
	http   *http.Client
	server string
	token  string
}

// newClient returns a client of a server whose certificate a CA has issued, with a bearer token if that is
// not empty.
func newClient(server, token string, ca []byte) (*client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("the CA of %s is no certificate", server)
	}
	return &client{
		http: &http.Client{
			Timeout: time.Minute,
			Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2: true,
			},
		},
		server: server, token: token,
	}, nil
}

// client returns a client of the API server for one of its users.
func (s *site) client(user string) (*client, error) {
	config := s.cluster.Config(user)
	return newClient(config.Host, config.BearerToken, config.CAData)
}

// path is where the target's Pods are created, as a dry run.
func (t *target) path() string { return "/api/v1/namespaces/" + t.namespace + "/pods?dryRun=All" }

// post sends JSON and reads the answer.
func (c *client) post(ctx context.Context, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	return c.do(request)
}

// get reads an answer.
func (c *client) get(ctx context.Context, path string) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	return c.do(request)
}

func (c *client) do(request *http.Request) (status int, answer []byte, err error) {
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, errors.Join(err, response.Body.Close())
}

func (c *client) close() { c.http.CloseIdleConnections() }
