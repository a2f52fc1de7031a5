"""A real Kubernetes: its components in machines of the cloud, SkyPilot's pods on its nodes.

`cluster` starts the machines, and shows and hurts what runs on them. `control_plane` is the machine
with etcd, the API server, the controllers and the scheduler. `workers` are the nodes, machines with
a kubelet and containerd each; `node_types` is the table of their kinds. `init/` holds the first
programs of both. `pod_image` makes the image of SkyPilot's pods out of the layers of the emulated
hosts, without copying them. `reading` turns pods and nodes into what the control port shows.
`access` is what SkyPilot's API server and its pods need to find all that, and `rights` what that
server may do. `addresses` says which machine has which address, and `shared_folders` what each sees
of this machine. The programs are
built from `local/kube`.

Comes in: a `Location`, the layers of the pods, a certificate for the internet's stand-in. Goes out:
the Kubernetes API at an address of the cloud's network, pods and load balancers with addresses of
it, and `access.server_access`. Who calls it: `supervisor`; it makes and watches the `Cluster`.
"""
