package backstop

import (
	"net/http"
	"testing"

	"userscope.dev/userscope/test/pods/oracle"
)

// A provisioner makes, changes and deletes Services of sandboxes, and no others.
func TestServices(t *testing.T) {
	sandboxes := object{"sandbox-id": "dc977b840cb8638e"} // as DeerFlow's provisioner has it
	gateway := object{"app": "gateway"}
	old := map[string]string{
		"sandbox":  storeService(t, service(sandboxes, nil)),
		"gateway":  storeService(t, service(gateway, nil)),
		"external": storeService(t, service(sandboxes, object{"externalIPs": []any{"192.0.2.1"}})),
	}
	for _, test := range []struct {
		name    string
		who     oracle.Request
		verb    string
		old     string
		service object
		refused bool
	}{
		{"DeerFlow's own", provisioner, http.MethodPost, "", service(sandboxes, object{"type": "NodePort"}), false},
		{"by the selector's labels", provisioner, http.MethodPost, "", service(object{"app": "deer-flow-sandbox", "x": "y"}, nil), false},
		{"of the gateway", provisioner, http.MethodPost, "", service(gateway, nil), true},
		{"of a Pod like a sandbox", provisioner, http.MethodPost, "", service(object{"app": "deer-flow-sandbox-2"}, nil), true},
		{"of whatever its Endpoints say", provisioner, http.MethodPost, "", service(nil, nil), true},
		{"of an address", provisioner, http.MethodPost, "", service(sandboxes, object{"externalIPs": []any{"10.0.0.1"}}), true},
		{"of a name", provisioner, http.MethodPost, "", service(sandboxes, object{"type": "ExternalName", "externalName": "example.com"}), true},
		{"of a load balancer's address", provisioner, http.MethodPost, "", service(sandboxes, object{"type": "LoadBalancer", "loadBalancerIP": "192.0.2.1"}), true},
		{"called like the API server's", provisioner, http.MethodPost, "", calledAs("kubernetes", service(sandboxes, nil)), true},
		{"called nearly like the API server's", provisioner, http.MethodPost, "", calledAs("kubernetes-2", service(sandboxes, nil)), false},
		{"called like the API server's, by a person", developer, http.MethodPost, "", calledAs("kubernetes", service(sandboxes, nil)), false},
		{"of the gateway, by a person", developer, http.MethodPost, "", service(gateway, object{"externalIPs": []any{"10.0.0.1"}}), false},
		{"of the gateway, elsewhere", oracle.Request{Namespace: elsewhere, Username: provisioner.Username}, http.MethodPost, "", service(gateway, nil), false},

		{"changed, and a sandbox's still", provisioner, http.MethodPatch, "sandbox", service(sandboxes, object{"publishNotReadyAddresses": true}), false},
		{"changed to the gateway's", provisioner, http.MethodPatch, "sandbox", service(object{"app": "gateway", "sandbox-id": nil}, nil), true},
		{"changed to an address", provisioner, http.MethodPatch, "sandbox", service(nil, object{"externalIPs": []any{"10.0.0.1"}}), true},
		{"the gateway's, changed to a sandbox's", provisioner, http.MethodPatch, "gateway", service(sandboxes, nil), true},
		{"the gateway's, changed by a person", developer, http.MethodPatch, "gateway", service(sandboxes, nil), false},
		{"an address, taken away", provisioner, http.MethodPatch, "external", service(nil, object{"externalIPs": nil}), false},

		{"deleted", provisioner, http.MethodDelete, "sandbox", nil, false},
		{"of an address, deleted", provisioner, http.MethodDelete, "external", nil, false},
		{"the gateway's, deleted", provisioner, http.MethodDelete, "gateway", nil, true},
		{"the gateway's, deleted by a person", developer, http.MethodDelete, "gateway", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, body := "services", []byte(nil)
			if test.old != "" {
				path += "/" + old[test.old]
			}
			if test.service != nil {
				body = encoded(t, test.service)
			}
			_, err := ask(t.Context(), test.who, test.verb, path, body)
			if Refuses(err) != test.refused || err != nil && !test.refused {
				t.Errorf("refused: %t, want %t: %v", Refuses(err), test.refused, err)
			}
		})
	}
}

// service is a Service with a selector and other fields of its spec.
func service(selector, more object) object {
	spec := object{"ports": []any{object{"port": 8080}}}
	if selector != nil {
		spec["selector"] = selector
	}
	for key, value := range more {
		spec[key] = value
	}
	return object{"metadata": object{"generateName": "service-"}, "spec": spec}
}

// calledAs gives a Service a name.
func calledAs(name string, service object) object {
	service["metadata"] = object{"name": name}
	return service
}

// storeService stores a Service of a person's.
func storeService(t *testing.T, service object) (name string) {
	t.Helper()
	stored, err := do(t.Context(), developer, http.MethodPost, "services", encoded(t, service))
	if err != nil {
		t.Fatal(err)
	}
	return nameOf(stored)
}
