"""The public classes of a Pulumi program: components, resources, and the checks of a preview.

components.py declares a Deployment for each entry of the stack's config (pulumi_config.py).
resources.py, readiness_resource.py and volume_resource.py declare the dynamic resources, whose
providers are in providers/; api_keys.py their keys; arguments.py checks what stands beside a spec.
typed_specs.py and typed_tables.py have the types of specs, for editors and type checkers; they are
written by scripts/typed_specs.py. inputs.py reads values that may be Outputs. forecast.py shows a
preview's cost and budget before anything is created; budget_gate.py does so for a user's own
program, and reports its mistakes. workdir.py computes the digest of a local folder, because check
and diff must not read one.
"""
