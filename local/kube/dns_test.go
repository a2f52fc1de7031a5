package main

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// newNames knows the Services "web" with an address, and "head", headless, with a ready and an unready pod.
func newNames() *names {
	services := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	endpoints := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for name, address := range map[string]string{"web": "10.96.0.7", "head": corev1.ClusterIPNone} {
		services.Add(&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			Spec:       corev1.ServiceSpec{ClusterIP: address},
		})
	}
	ready, unready := true, false
	endpoints.Add(&discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "head-1", Labels: map[string]string{discoveryv1.LabelServiceName: "head"},
		},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.77.2.5"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}},
			{Addresses: []string{"10.77.2.6"}, Conditions: discoveryv1.EndpointConditions{Ready: &unready}},
		},
	})
	return &names{
		".svc.cluster.local.", corelisters.NewServiceLister(services), discoverylisters.NewEndpointSliceLister(endpoints),
	}
}

func ask(t *testing.T, name string, kind dnsmessage.Type) (dnsmessage.RCode, []netip.Addr) {
	question := dnsmessage.Message{
		Header: dnsmessage.Header{ID: 7},
		Questions: []dnsmessage.Question{
			{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET},
		},
	}
	packed, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	packed, err = newNames().answer(packed)
	if err != nil {
		t.Fatal(err)
	}
	var answer dnsmessage.Message
	if err := answer.Unpack(packed); err != nil || answer.ID != 7 || !answer.Response {
		t.Fatalf("%+v %v", answer, err)
	}
	var addresses []netip.Addr
	for _, resource := range answer.Answers {
		addresses = append(addresses, netip.AddrFrom4(resource.Body.(*dnsmessage.AResource).A))
	}
	return answer.RCode, addresses
}

func TestNamesOfServicesAreAnsweredAndOthersDenied(t *testing.T) {
	for _, row := range []struct {
		name      string
		kind      dnsmessage.Type
		code      dnsmessage.RCode
		addresses []string
	}{
		{"web.default.svc.cluster.local.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, []string{"10.96.0.7"}},
		{"Head.default.svc.cluster.local.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, []string{"10.77.2.5"}},
		{"web.default.svc.cluster.local.", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, nil},
		{"web.other.svc.cluster.local.", dnsmessage.TypeA, dnsmessage.RCodeNameError, nil},
		{"huggingface.co.", dnsmessage.TypeA, dnsmessage.RCodeNameError, nil},
	} {
		code, addresses := ask(t, row.name, row.kind)
		texts := []string(nil)
		for _, address := range addresses {
			texts = append(texts, address.String())
		}
		if code != row.code || !slices.Equal(texts, row.addresses) {
			t.Errorf("%s %s: %s %s", row.name, row.kind, code, texts)
		}
	}
}
