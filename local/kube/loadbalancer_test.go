package main

import (
	"context"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// cluster holds Services twice: what the API server has, and what the lister knows of it.
type cluster struct {
	*testing.T
	client   *fake.Clientset
	known    cache.Indexer
	balancer *loadBalancer
}

func newCluster(t *testing.T, pool string) *cluster {
	client := fake.NewClientset()
	known := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	services := corelisters.NewServiceLister(known)
	return &cluster{t, client, known, &loadBalancer{
		client, services, netip.MustParsePrefix(pool), map[types.UID]netip.Addr{},
	}}
}

func (c *cluster) add(name string, kind corev1.ServiceType) {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec:       corev1.ServiceSpec{Type: kind},
	}
	if _, err := c.client.CoreV1().Services("default").Create(context.Background(), service, metav1.CreateOptions{}); err != nil {
		c.Fatal(err)
	}
	c.known.Add(service)
}

// tell lets the lister know what the API server has.
func (c *cluster) tell() {
	services, _ := c.client.CoreV1().Services("").List(context.Background(), metav1.ListOptions{})
	objects := []any{}
	for i := range services.Items {
		objects = append(objects, &services.Items[i])
	}
	c.known.Replace(objects, "")
}

func (c *cluster) expect(name, address string) {
	c.Helper()
	service, err := c.client.CoreV1().Services("default").Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		c.Fatal(err)
	}
	actual := ""
	if ingress := service.Status.LoadBalancer.Ingress; len(ingress) > 0 {
		actual = ingress[0].IP
	}
	if actual != address {
		c.Errorf("%s has %q, not %q", name, actual, address)
	}
}

func TestOnlyLoadBalancersGetAnAddressOfTheirOwn(t *testing.T) {
	c := newCluster(t, "10.0.0.0/24")
	c.add("a", corev1.ServiceTypeLoadBalancer)
	c.balancer.pass(context.Background())
	c.add("inside", corev1.ServiceTypeClusterIP)
	c.add("b", corev1.ServiceTypeLoadBalancer)
	c.balancer.pass(context.Background()) // the lister does not know yet that "a" has one
	c.expect("a", "10.0.0.1")
	c.expect("b", "10.0.0.2")
	c.expect("inside", "")
}

func TestARestartedBalancerKeepsWhatWasGiven(t *testing.T) {
	c := newCluster(t, "10.0.0.0/24")
	c.add("z", corev1.ServiceTypeLoadBalancer)
	c.balancer.pass(context.Background())
	c.tell()
	c.balancer.given = map[types.UID]netip.Addr{}
	c.add("a", corev1.ServiceTypeLoadBalancer)
	c.balancer.pass(context.Background())
	c.expect("z", "10.0.0.1")
	c.expect("a", "10.0.0.2")
}

func TestTheAddressOfADeletedServiceIsGivenAgain(t *testing.T) {
	c := newCluster(t, "10.0.0.0/31") // one address
	c.add("a", corev1.ServiceTypeLoadBalancer)
	c.balancer.pass(context.Background())
	c.add("b", corev1.ServiceTypeLoadBalancer)
	c.balancer.pass(context.Background())
	c.expect("b", "")
	if err := c.client.CoreV1().Services("default").Delete(context.Background(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.tell()
	c.balancer.pass(context.Background())
	c.expect("b", "10.0.0.1")
}
