package oracle

// List is a list of a policy's allow whose entries stand in a Pod by themselves.
type List struct {
	// Field is the name of the list in allow.
	Field string

	// what says what an entry is.
	what string

	// read returns the entries that a Pod has. They need to be listed.
	read func(pod map[string]any) []string

	// Write gives a Pod one entry.
	Write func(pod map[string]any, entry string)
}

// Lists returns where the entries of these lists stand.
func Lists() []List {
	return []List{
		{
			Field: "csiDrivers", what: "the driver of an inline volume",
			read: func(pod map[string]any) []string {
				var drivers []string
				for _, volume := range volumes(pod) {
					if present(volume, "csi") {
						drivers = append(drivers, text(child(volume, "csi"), "driver"))
					}
				}
				return drivers
			},
			Write: func(pod map[string]any, driver string) {
				spec := child(pod, "spec")
				all, _ := spec["volumes"].([]any)
				spec["volumes"] = append(all, map[string]any{"name": "inline", "csi": map[string]any{"driver": driver}})
			},
		},
		{
			Field: "hostAliases", what: "a name in /etc/hosts",
			read: func(pod map[string]any) []string {
				var names []string
				for _, alias := range children(child(pod, "spec"), "hostAliases") {
					entries, _ := alias["hostnames"].([]any)
					for _, entry := range entries {
						name, _ := entry.(string)
						names = append(names, name)
					}
				}
				return names
			},
			Write: func(pod map[string]any, name string) {
				child(pod, "spec")["hostAliases"] = []any{map[string]any{"ip": "192.0.2.1", "hostnames": []any{name}}}
			},
		},
		{
			Field: "hostnames", what: "a field that chooses a name",
			read: func(pod map[string]any) []string {
				var set []string
				for _, field := range []string{"hostname", "subdomain", "setHostnameAsFQDN", "hostnameOverride"} {
					if value := child(pod, "spec")[field]; value != nil && value != "" && value != false {
						set = append(set, field)
					}
				}
				return set
			},
			Write: func(pod map[string]any, field string) {
				spec := child(pod, "spec")
				switch field {
				case "hostname", "subdomain", "hostnameOverride":
					spec[field] = "api"
				case "setHostnameAsFQDN":
					spec[field] = true
				default:
					spec["hostname"] = field
				}
			},
		},
		{
			Field: "imagePullSecrets", what: "a Secret for pulling images",
			read: func(pod map[string]any) []string {
				var names []string
				for _, secret := range children(child(pod, "spec"), "imagePullSecrets") {
					if name := text(secret, "name"); name != "" {
						names = append(names, name)
					}
				}
				return names
			},
			Write: func(pod map[string]any, name string) {
				child(pod, "spec")["imagePullSecrets"] = []any{map[string]any{"name": name}, map[string]any{}}
			},
		},
		{
			Field: "nodeNames", what: "the node",
			read: func(pod map[string]any) []string {
				name := text(child(pod, "spec"), "nodeName")
				if name == "" {
					return nil
				}
				return []string{name}
			},
			Write: func(pod map[string]any, name string) { child(pod, "spec")["nodeName"] = name },
		},
		{
			Field: "runtimeClasses", what: "the runtime class",
			read: func(pod map[string]any) []string {
				spec := child(pod, "spec")
				if !present(spec, "runtimeClassName") {
					return nil
				}
				return []string{text(spec, "runtimeClassName")}
			},
			Write: func(pod map[string]any, class string) { child(pod, "spec")["runtimeClassName"] = class },
		},
	}
}

// lists is I4 for them.
func (j *judgement) lists() {
	for _, list := range Lists() {
		for _, entry := range list.read(j.pod) {
			j.allow(j.policy.Allowed.Listed[list.Field], entry, "%s", list.what)
		}
	}
}
