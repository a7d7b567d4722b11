// Prints what is no PowerShell in a file: its lines, as JSON.
import { readFileSync } from "node:fs";
import { Language, Parser } from "web-tree-sitter";

await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load("node_modules/tree-sitter-powershell/tree-sitter-powershell.wasm"));
const mistakes = [];
const look = (node) => {
  if (node.isError || node.isMissing) mistakes.push(`${node.startPosition.row + 1}: ${node.text.slice(0, 80)}`);
  else if (node.hasError) node.children.forEach(look);
};
look(parser.parse(readFileSync(process.argv[2], "utf8")).rootNode);
console.log(JSON.stringify(mistakes));
