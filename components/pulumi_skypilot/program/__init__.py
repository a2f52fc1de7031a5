"""What a Pulumi program uses: components, the resources below them, and the checks of a preview.

components.py declares one Deployment for each that the stack's config (pulumi_config.py) names;
resources.py declares the dynamic resources, whose providers are in providers/. inputs.py reads what
may be an Output. forecast.py shows a preview's cost and budget before anything is made;
budget_gate.py holds one's own program to its budget; workdir.py digests a local folder, because
check and diff may read none.
"""
