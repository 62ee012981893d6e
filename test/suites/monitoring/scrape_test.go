package monitoring

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape is what a /metrics endpoint says, by the names of the metrics.
type scrape map[string]*dto.MetricFamily

func get(ctx context.Context, client *http.Client, url string) (scrape, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(response.Body)
}

// names of the metrics, in order.
func (s scrape) names() []string { return slices.Sorted(maps.Keys(s)) }

// nameLabel is the label that holds a series' name.
const nameLabel = "__name__"

// series are what Prometheus would store of the scrape: the labels of each.
func (s scrape) series() []map[string]string {
	var all []map[string]string
	for name, family := range s {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			add := func(suffix, label, value string) {
				one := maps.Clone(labels)
				one[nameLabel] = name + suffix
				if label != "" {
					one[label] = value
				}
				all = append(all, one)
			}
			switch family.GetType() {
			case dto.MetricType_HISTOGRAM:
				for _, bucket := range metric.GetHistogram().GetBucket() {
					add("_bucket", "le", strconv.FormatFloat(bucket.GetUpperBound(), 'g', -1, 64))
				}
				add("_sum", "", "")
				add("_count", "", "")
			default:
				add("", "", "")
			}
		}
	}
	return all
}
