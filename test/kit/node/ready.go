package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ready reports what a node still lacks that was started at a time, perhaps not for the first one.
func ready(ctx context.Context, client kubernetes.Interface, started time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	self, err := client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	state := errors.New("the kubelet has not said that it is ready")
	for _, condition := range self.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		if condition.Status == corev1.ConditionTrue && !condition.LastHeartbeatTime.Time.Before(started.Truncate(time.Second)) {
			state = nil
		} else {
			state = fmt.Errorf("the kubelet said %s: %s", condition.LastHeartbeatTime, condition.Message)
		}
	}
	if state != nil {
		return state
	}
	// The controller manager makes it. Until then the API server refuses Pods.
	_, err = client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err
}

// ends are the last lines of every program's log.
func (n *Node) ends() string {
	logs, _ := filepath.Glob(n.file("log/*.log")) // the pattern is a good one
	var all strings.Builder
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			text = []byte(err.Error())
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		lines = lines[max(0, len(lines)-8):]
		fmt.Fprintf(&all, "\nThe end of %s:\n\t%s", filepath.Base(log), strings.Join(lines, "\n\t"))
	}
	return all.String()
}
