package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// loadBalancerCommand returns the controller that gives each Service of type LoadBalancer an address,
// as a cloud's does. There is no balancer: kube-proxy sends what arrives at the address to the pods.
func loadBalancerCommand() *cobra.Command {
	var pool string
	command := clientCommand("load-balancer", func(ctx context.Context, client kubernetes.Interface) error {
		prefix, err := netip.ParsePrefix(pool)
		if err != nil {
			return fmt.Errorf("--pool: %w", err)
		}
		factory := informers.NewSharedInformerFactory(client, 0)
		services := factory.Core().V1().Services()
		balancer := &loadBalancer{client, services.Lister(), prefix.Masked(), map[types.UID]netip.Addr{}}
		return control(ctx, factory, []cache.SharedIndexInformer{services.Informer()}, balancer.pass)
	})
	command.Flags().StringVar(&pool, "pool", "", "addresses to give, such as 10.77.1.0/24")
	return command
}

type loadBalancer struct {
	client   kubernetes.Interface
	services corelisters.ServiceLister
	pool     netip.Prefix
	// given is remembered, because the lister knows of an address only some time after it was given.
	given map[types.UID]netip.Addr
}

// pass frees the addresses of Services that are gone and gives one to each that has none.
func (b *loadBalancer) pass(ctx context.Context) {
	services, err := b.services.List(labels.Everything())
	if err != nil {
		klog.ErrorS(err, "Services not listed")
		return
	}
	kept := map[types.UID]netip.Addr{}
	var waiting []*corev1.Service
	for _, service := range services {
		if service.Spec.Type != corev1.ServiceTypeLoadBalancer || service.DeletionTimestamp != nil {
			continue
		}
		if address, has := addressOf(service); has {
			kept[service.UID] = address
			continue
		}
		if address, has := b.given[service.UID]; has {
			kept[service.UID] = address
		}
		waiting = append(waiting, service)
	}
	b.given = kept
	for _, service := range waiting {
		if err := b.give(ctx, service); err != nil && !errors.IsConflict(err) && !errors.IsNotFound(err) {
			klog.ErrorS(err, "No address given", "service", klog.KObj(service))
		}
	}
}

func (b *loadBalancer) give(ctx context.Context, service *corev1.Service) error {
	address, has := b.given[service.UID]
	if !has {
		var err error
		if address, err = b.free(); err != nil {
			return err
		}
	}
	changed := service.DeepCopy()
	changed.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address.String()}}
	_, err := b.client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if err == nil {
		b.given[service.UID] = address
		klog.InfoS("Gave an address", "service", klog.KObj(service), "address", address)
	}
	return err
}

// free returns the lowest address of the pool that no Service has. The first one names the network.
func (b *loadBalancer) free() (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	for _, address := range b.given {
		taken[address] = true
	}
	for address := b.pool.Addr().Next(); b.pool.Contains(address); address = address.Next() {
		if !taken[address] {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %s are in use", b.pool)
}

func addressOf(service *corev1.Service) (netip.Addr, bool) {
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(ingress.IP); err == nil {
			return address, true
		}
	}
	return netip.Addr{}, false
}
