package property

import (
	"crypto/sha256"
	"fmt"
)

// sandboxID draws what a gateway may call the sandbox of an identity.
func (d *drawing) sandboxID(user, thread string) string {
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(user+":"+thread)))
	return of(d, digest[:8], "264ee9e3", digest[:16], digest[:16], digest[:63])
}

// adopted is a sandbox of an unmodified provisioner: its paths alone say whose it is, and the
// gateway's id proves it.
func adopted(d *drawing) {
	d.begin(d.provisioner())
	d.wear()
	d.user, d.thread = d.ids()
	thread := d.thread
	if d.policy.Identity.Proof == "Never" {
		d.labels()[d.policy.Identity.SandboxIDKey] = d.sandboxID(d.user, thread)
	} else {
		d.labels()[d.policy.Identity.SandboxIDKey] = fmt.Sprintf("%x", sha256.Sum256([]byte(d.user+":"+thread)))[:of(d, 16, 17, 63)]
	}
	add(d.spec(), "volumes", object{"name": d.policy.Volume, "persistentVolumeClaim": object{"claimName": d.policy.Claim}})
	mount := object{"name": d.policy.Volume, "mountPath": d.policy.MountPath, "subPath": d.spelled(d.claimPath(d.userDataDirectory()))}
	d.readOnly(mount)
	for i, c := range d.containers("containers") {
		if i == 0 {
			add(c, "volumeMounts", mount)
		}
	}
	for range of(d, 0, 1, 3) {
		d.directory()
	}
}

// confused are changes of what says whose a sandbox is.
var confused = []mutation{
	{"another sandbox id", func(d *drawing) {
		user, thread := d.ids()
		d.labels()[d.policy.Identity.SandboxIDKey] = of(d, d.sandboxID(user, thread), d.sandboxID(d.user, d.thread), "", "B076B51A7D6FE4E2", "b076b51a7d6fe4e", "no-number-at-all")
	}},
	{"no sandbox id", func(d *drawing) { delete(d.labels(), d.policy.Identity.SandboxIDKey) }},
	{"half an identity", func(d *drawing) {
		key := of(d, d.policy.Identity.UserKey, d.policy.Identity.ThreadKey)
		delete(d.labels(), key)
		delete(d.annotations(), key)
	}},
	{"another's directory", func(d *drawing) {
		user, thread := d.ids()
		d.user, d.thread = of(d, user, d.user), of(d, thread, d.thread)
		d.directory()
	}},
	{"the path of old", func(d *drawing) {
		d.claimMount()["subPath"] = of(d, "", d.policy.Root+"/") + "threads/" + d.thread + "/user-data"
	}},
}
