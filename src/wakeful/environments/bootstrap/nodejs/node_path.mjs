/** ES modules are looked for along NODE_PATH too, after all places that Node.js looks at, as Lambda's Node.js does. */

import module, { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const BARE = /^(?!\.{0,2}\/|\.{1,2}$|#|[a-z][a-z0-9+.-]*:)/i;
const MODULES = /(^|\/)node_modules$/;
const require = createRequire(import.meta.url);

/** From now on, for `import` and `import()` of the whole process. */
export function searchNodePath() {
  if (module.registerHooks) {
    module.registerHooks({
      resolve(specifier, context, next) {
        const retry = (name, parentURL) => next(name, { ...context, parentURL });
        if (!context.conditions.includes("import")) return next(specifier, context); // require() knows NODE_PATH
        return orElsewhere(specifier, () => next(specifier, context), retry);
      },
    });
  } else {
    patch(loaderOfOldNode());
  }
}

/** Node.js 18 and 20 have no hooks in the same thread; what they look modules up with is the loader's own method. */
function loaderOfOldNode() {
  const { getOrInitializeCascadedLoader } = require("internal/modules/esm/loader");
  return getOrInitializeCascadedLoader?.() ?? require("internal/process/esm_loader").esmLoader;
}

function patch(loader) {
  const name = typeof loader.defaultResolve === "function" ? "defaultResolve" : "resolve";
  const original = loader[name];
  loader[name] = function (specifier, parentURL, ...rest) {
    const retry = (name, parent) => original.call(this, name, parent, ...rest);
    return orElsewhere(specifier, () => original.call(this, specifier, parentURL, ...rest), retry);
  };
}

/** What `usually` finds; else what `retry` finds in the folders of NODE_PATH, as if from beside them. May be a promise. */
function orElsewhere(specifier, usually, retry) {
  try {
    const found = usually();
    return typeof found?.then === "function" ? found.catch((error) => elsewhere(specifier, error, retry)) : found;
  } catch (error) {
    return elsewhere(specifier, error, retry);
  }
}

function elsewhere(specifier, error, retry) {
  if (!isMissing(error) || !BARE.test(specifier)) throw error;
  const folders = (process.env.NODE_PATH ?? "").split(":").filter(Boolean);
  return first(folders, (folder) => inside(specifier, folder, retry), error);
}

/** What `look` finds in the first of the folders that has it. */
function first(folders, look, error) {
  for (const [index, folder] of folders.entries()) {
    try {
      const found = look(folder);
      if (typeof found?.then !== "function") return found;
      return found.catch((failure) => {
        if (!isMissing(failure)) throw failure;
        return first(folders.slice(index + 1), look, error);
      });
    } catch (failure) {
      if (!isMissing(failure)) throw failure;
    }
  }
  throw error;
}

/** Only in a folder of this name does Node.js look for packages; one of another is read as CommonJS would. */
function inside(specifier, folder, retry) {
  const parentURL = pathToFileURL(join(dirname(folder), "from.mjs")).href;
  return retry(MODULES.test(folder) ? specifier : pathToFileURL(require.resolve(join(folder, specifier))).href, parentURL);
}

function isMissing(error) {
  return error?.code === "ERR_MODULE_NOT_FOUND" || error?.code === "MODULE_NOT_FOUND";
}
