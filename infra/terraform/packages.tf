# --- The packages must match the manifest, the variables and regions.yaml

locals {
  manifest_path = abspath(var.packages.manifest)
  manifest      = try(jsondecode(file(var.packages.manifest)), null)

  planned_targets      = [for target in local.targets : "${target.account_id}/${target.region}"]
  packaged_targets     = try([for target in local.manifest.targets : "${target.account_id}/${target.region}"], [])
  targets_not_packaged = sort(setsubtract(local.planned_targets, local.packaged_targets))
  targets_not_planned  = sort(setsubtract(local.packaged_targets, local.planned_targets))

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
    [for service in ["scheduler", "lookup", "aggregator"] :
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
  )
}
