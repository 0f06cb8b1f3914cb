// Runs the WebAssembly program that the argument names: `node run.mjs anywhere.wasm`. It imports nothing, so that it can ask neither for the
// time nor for random bytes.
import { readFile } from "node:fs/promises";

const { instance, module } = await WebAssembly.instantiate(await readFile(process.argv[2]), {});
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) throw new Error(`imports ${JSON.stringify(imports)}`);
const status = instance.exports.main(0, 0);
if (status !== 0) throw new Error(`ended with ${status}`);
console.log("verified under WebAssembly");
