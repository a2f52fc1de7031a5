package main

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/klog/v2"
)

// dnsCommand returns the name server of the cluster. It knows the names of Services and denies all
// others.
//
// Ray's workers find their head by the name of a headless Service. CoreDNS also answers for pods, SRV
// records and the internet: nothing in a rehearsal asks for the first two, and the third is not there.
func dnsCommand() *cobra.Command {
	var listen, domain string
	command := clientCommand("dns", func(ctx context.Context, client kubernetes.Interface) error {
		factory := informers.NewSharedInformerFactory(client, 0)
		names := &names{
			suffix:   ".svc." + domain + ".",
			services: factory.Core().V1().Services().Lister(),
			slices:   factory.Discovery().V1().EndpointSlices().Lister(),
		}
		factory.Start(ctx.Done())
		factory.WaitForCacheSync(ctx.Done())
		connection, err := net.ListenPacket("udp", listen)
		if err != nil {
			return err
		}
		return names.serve(connection)
	})
	command.Flags().StringVar(&listen, "listen", "", "address and port, such as 10.77.0.1:53")
	command.Flags().StringVar(&domain, "domain", "cluster.local", "the cluster's domain")
	return command
}

type names struct {
	suffix   string
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
}

func (n *names) serve(connection net.PacketConn) error {
	buffer := make([]byte, 4096)
	for {
		size, from, err := connection.ReadFrom(buffer)
		if err != nil {
			return err
		}
		answer, err := n.answer(buffer[:size])
		if err != nil {
			klog.V(2).InfoS("Ignored a message that is not a question", "from", from, "err", err)
			continue
		}
		if _, err := connection.WriteTo(answer, from); err != nil {
			klog.V(2).InfoS("Could not send an answer", "to", from, "err", err)
		}
	}
}

// answer returns the answer to the first question of a message.
func (n *names) answer(message []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	addresses, exists := n.lookUp(strings.ToLower(question.Name.String()))
	answer := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, Authoritative: true,
			RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{question},
	}
	if !exists {
		answer.RCode = dnsmessage.RCodeNameError
	}
	if question.Type == dnsmessage.TypeA {
		for _, address := range addresses {
			answer.Answers = append(answer.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1},
				Body:   &dnsmessage.AResource{A: address.As4()},
			})
		}
	}
	return answer.Pack()
}

// lookUp returns the addresses of NAME.NAMESPACE.svc.DOMAIN.: the Service's own, or those of its ready
// pods if it is headless.
func (n *names) lookUp(name string) (addresses []netip.Addr, exists bool) {
	short, inCluster := strings.CutSuffix(name, n.suffix)
	serviceName, namespace, both := strings.Cut(short, ".")
	if !inCluster || !both {
		return nil, false
	}
	service, err := n.services.Services(namespace).Get(serviceName)
	if err != nil {
		return nil, false
	}
	if service.Spec.ClusterIP != corev1.ClusterIPNone {
		return appendAddress(nil, service.Spec.ClusterIP), true
	}
	slices, err := n.slices.EndpointSlices(namespace).List(
		labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: serviceName}),
	)
	if err != nil {
		return nil, true
	}
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			if ready := endpoint.Conditions.Ready; ready == nil || *ready {
				for _, address := range endpoint.Addresses {
					addresses = appendAddress(addresses, address)
				}
			}
		}
	}
	return addresses, true
}

// appendAddress appends text if it is an IPv4 address: the cluster has no others.
func appendAddress(addresses []netip.Addr, text string) []netip.Addr {
	address, err := netip.ParseAddr(text)
	if err != nil || !address.Is4() {
		return addresses
	}
	return append(addresses, address)
}
