package controlplane

import (
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// writeTokens writes the API server's token file, one line for each user.
func (c *ControlPlane) writeTokens() error {
	var file bytes.Buffer
	lines := csv.NewWriter(&file)
	for i, user := range append(builtin(), c.options.Users...) {
		if _, taken := c.tokens[user.Name]; taken {
			return fmt.Errorf("Options.Users: two users have the name %q", user.Name)
		}
		token := rand.Text()
		c.tokens[user.Name] = token
		if err := lines.Write([]string{token, user.Name, strconv.Itoa(i), strings.Join(user.Groups, ",")}); err != nil {
			return err
		}
	}
	lines.Flush()
	return os.WriteFile(c.file(tokenFile), file.Bytes(), 0o600)
}

func (c *ControlPlane) token(user string) string {
	token, ok := c.tokens[user]
	if !ok {
		panic(fmt.Sprintf("controlplane: no user %q: name it in Options.Users", user))
	}
	return token
}

// Kubeconfig returns the path of a kubeconfig file for one of the users. It panics if there is
// no such user.
func (c *ControlPlane) Kubeconfig(user string) string {
	c.token(user)
	return c.file(strings.ReplaceAll(user, ":", "_") + ".kubeconfig")
}

// writeKubeconfigs writes one file for each user, with the namespace that the tests work in.
func (c *ControlPlane) writeKubeconfigs() error {
	for user, token := range c.tokens {
		config := clientcmdapi.NewConfig()
		config.Clusters["test"] = &clientcmdapi.Cluster{Server: c.server, CertificateAuthorityData: c.ca}
		config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
		config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: user, Namespace: Namespace}
		config.CurrentContext = "test"
		if err := clientcmd.WriteToFile(*config, c.Kubeconfig(user)); err != nil {
			return err
		}
	}
	return nil
}
