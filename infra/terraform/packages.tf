# --- The packages must match the manifest, the variables and regions.yaml

locals {
  manifest_path = abspath(var.packages.manifest)
  manifest      = try(jsondecode(file(var.packages.manifest)), null)

  planned_targets      = [for target in local.targets : "${target.account_id}/${target.region}"]
  packaged_targets     = try([for target in local.manifest.targets : "${target.account_id}/${target.region}"], [])
  targets_not_packaged = sort(setsubtract(local.planned_targets, local.packaged_targets))
  targets_not_planned  = sort(setsubtract(local.packaged_targets, local.planned_targets))

  # Parameters of the images that the read roles may not read, by the variable that must allow them.
  # The ARN of a parameter is the same with and without a slash at the beginning of its name.
  parameters_not_allowed = {
    for setting, allowed in { parameter_paths = var.parameter_paths, shared_parameter_arns = var.shared_parameter_arns } :
    setting => [
      for name in try([for name in local.manifest[setting] : tostring(name)], []) : name
      if !anytrue([
        for each in [for each in allowed : trimprefix(each, "/")] :
        endswith(each, "/*") ? startswith(trimprefix(name, "/"), trimsuffix(each, "*")) : trimprefix(name, "/") == each
      ])
    ]
  }
  parameter_examples = {
    parameter_paths       = "/golden/*"
    shared_parameter_arns = "arn:${local.partition}:ssm:${local.region}:111122223333:parameter/golden/*"
  }

  # Built value, wanted value, and the make variable.
  built_for = {
    runtime      = { wanted = var.runtime, built = try(tostring(local.manifest.runtime), "?"), make = "RUNTIME" }
    architecture = { wanted = var.architecture, built = try(tostring(local.manifest.architecture), "?"), make = "ARCHITECTURE" }
  }

  manifest_problem = (
    local.manifest == null ? "${local.manifest_path} is not valid JSON: run `make package` again." :
    try(tostring(local.manifest.schema), "?") != "1" ? "${local.manifest_path} has schema ${try(tostring(local.manifest.schema), "?")}, but this version of the module reads schema 1: run `make package` in the same version of the repository." :
    null
  )

  package_problems = local.manifest_problem != null ? [local.manifest_problem] : concat(
    var.site.enabled && var.packages.publisher == null ? [
      "site.enabled is true, but packages.publisher is not set: add the path of publisher.zip, which `make package` writes."
    ] : [],
    [for service in concat(["scheduler", "lookup", "aggregator"], var.packages.publisher == null ? [] : ["publisher"]) :
      "${abspath(var.packages[service])} is not the zip that ${local.manifest_path} describes (its SHA-256 differs): run `make package` again and do not change these files."
      if try(filesha256(var.packages[service]) != local.manifest.packages[service].sha256, true)
    ],
    [for name, it in local.built_for :
      "${name} is ${it.wanted}, but the packages of ${local.manifest_path} were built for ${it.built}: set ${name} = \"${it.built}\", or run `make package ${it.make}=${it.wanted}`."
      if it.wanted != it.built
    ],
    # An invalid regions.yaml has its own messages.
    length(local.regions_problems) > 0 || length(local.targets_not_packaged) == 0 ? [] : [
      "${local.regions_name} names ${join(", ", slice(local.targets_not_packaged, 0, min(10, length(local.targets_not_packaged))))}${length(local.targets_not_packaged) > 10 ? " and ${length(local.targets_not_packaged) - 10} more" : ""}, but the packages of ${local.manifest_path} were built without these targets: run `make package` again."
    ],
    length(local.regions_problems) > 0 || length(local.targets_not_planned) == 0 ? [] : [
      "The packages of ${local.manifest_path} were built for ${join(", ", slice(local.targets_not_planned, 0, min(10, length(local.targets_not_planned))))}${length(local.targets_not_planned) > 10 ? " and ${length(local.targets_not_planned) - 10} more" : ""}, which ${local.regions_name} does not name: run `make package` again."
    ],
    [for setting, names in local.parameters_not_allowed :
      "The images of ${local.manifest_path} use ${join(", ", slice(names, 0, min(10, length(names))))}${length(names) > 10 ? " and ${length(names) - 10} more" : ""}, which ${setting} does not allow, so the lookups would be denied. Add ${length(names) > 1 ? "them" : "it"} to ${setting}, or a path that ends in /* and allows everything below, such as \"${local.parameter_examples[setting]}\"."
      if length(names) > 0
    ],
  )
}
