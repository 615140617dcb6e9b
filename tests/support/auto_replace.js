// Replaces the text of a dependency as Renovate does when it makes a branch.
// Arguments: Renovate's folder, and a JSON file with updates, each with its file's path.
// Writes each file in the current folder, and prints the paths as JSON.
const fs = require("fs");
const path = require("path");
const [renovate, updates] = process.argv.slice(2);
const module_of = (name) => require(path.join(renovate, "dist", name));
const { GlobalConfig } = module_of("config/global");
const { doAutoReplace } = module_of("workers/repository/update/branch/auto-replace");

(async () => {
  GlobalConfig.set({ localDir: process.cwd() });
  const changed = [];
  for (const update of JSON.parse(fs.readFileSync(updates, "utf8"))) {
    const before = fs.readFileSync(update.packageFile, "utf8");
    fs.writeFileSync(update.packageFile, await doAutoReplace(update, before, false));
    changed.push(update.packageFile);
  }
  console.log(JSON.stringify(changed));
})();
