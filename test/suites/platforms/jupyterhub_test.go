package platforms

import (
	"encoding/json"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"userscope.dev/userscope/webhook/scope"
)

// spelling is how the hub spells the name of a user, for one server and under one scheme.
type spelling struct {
	User       string `json:"user"`
	Server     string `json:"server"` // empty is the default server
	Scheme     string `json:"scheme"` // slug_scheme: safe or escape
	Label      string `json:"label"`  // hub.jupyter.org/username
	Username   string `json:"username"`
	UserServer string `json:"user_server"`
}

// homes are the settings of the hub that are tried: what {…} stands for in subPath.
var homes = map[string]func(spelling) string{
	"home/{username}":    func(s spelling) string { return s.Username },
	"home/{user_server}": func(s spelling) string { return s.UserServer },
}

func readSpellings(t *testing.T) []spelling {
	t.Helper()
	text, err := os.ReadFile("testdata/jupyterhub-names.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []spelling
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	users := map[string]bool{}
	for _, s := range all {
		users[s.User] = true
	}
	if len(users) < 40 || len(all) != 4*len(users) {
		t.Fatalf("%d spellings of %d users", len(all), len(users))
	}
	return all
}

// server is the Pod that the hub sends for a home, which the annotation names, too, or does not.
func (s spelling) server(home string, annotated bool) *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "jupyter-server",
			Labels: map[string]string{
				"app": "jupyterhub", "component": "singleuser-server",
				"hub.jupyter.org/username": s.Label, "hub.jupyter.org/servername": s.Server,
			},
			Annotations: map[string]string{"hub.jupyter.org/username": s.User, "hub.jupyter.org/servername": s.Server},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "notebook", Image: "notebook:latest",
				VolumeMounts: []corev1.VolumeMount{{Name: "home", MountPath: "/home/jovyan", SubPath: "home/" + home}},
			}},
			Volumes: []corev1.Volume{{Name: "home", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "homes"},
			}}},
		},
	}
	if annotated {
		pod.Annotations["lab.example/user"] = home
	}
	return pod
}

// hubSite is the policy that ships.
func hubSite(t *testing.T) *site {
	t.Helper()
	server := sandboxCase{Policy: "jupyterhub"}
	return &site{name: "jupyterhub", cases: []sandboxCase{server}, spec: specOf(t, server)}
}

// Whatever a user is called, under both schemes, for default and named servers, with the annotation and
// without it: the server has the home that the hub means, and no two users have one.
func TestHubNames(t *testing.T) {
	s := hubSite(t)
	in := s.installation(t)
	request := s.cases[0].request(&in.Oracle[0])
	for setting, expand := range homes {
		owners := map[string]string{}
		for _, spelled := range readSpellings(t) {
			home := expand(spelled)
			owner := spelled.Scheme + home
			if first, taken := owners[owner]; taken && first != spelled.User {
				t.Errorf("%s: the home of %q is that of %q, too", setting, spelled.User, first)
			}
			owners[owner] = spelled.User
			for _, annotated := range []bool{true, false} {
				raw, err := json.Marshal(spelled.server(home, annotated))
				if err != nil {
					t.Fatal(err)
				}
				outcome, err := in.Create(request, raw)
				if err != nil {
					t.Fatal(err)
				}
				if outcome.Decision.Verdict == scope.Refused || len(outcome.Problems) > 0 {
					t.Errorf("%s of %+v, annotated %t: %s: %v %v", setting, spelled, annotated,
						outcome.Decision.Verdict, outcome.Decision.Violations, outcome.Problems)
					continue
				}
				want{Mounts: map[string]string{"/home/jovyan": "home/" + home}}.shows(t, s.read(t), outcome.Final)
			}
		}
	}
}

// A server that is annotated as one home's, and mounts another, is refused, whoever the two are.
func TestHubMountsAnother(t *testing.T) {
	s := hubSite(t)
	in := s.installation(t)
	request := s.cases[0].request(&in.Oracle[0])
	all := readSpellings(t)
	for i, spelled := range all {
		other := all[(i+4)%len(all)]
		if other.Username == spelled.Username {
			continue
		}
		pod := spelled.server(other.Username, true)
		pod.Annotations["lab.example/user"] = spelled.Username
		raw, err := json.Marshal(pod)
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := in.Create(request, raw)
		if err != nil {
			t.Fatal(err)
		}
		if outcome.Decision.Verdict != scope.Refused || len(outcome.Problems) > 0 {
			t.Errorf("%+v with the home of %+v: %s, %v", spelled, other, outcome.Decision.Verdict, outcome.Problems)
		}
	}
}
