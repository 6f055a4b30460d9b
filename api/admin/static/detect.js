// The detection page: label one comment or many. The browser stores none of them.
import { detectMany } from "./detect-many.js";
import { detectOne } from "./detect-one.js";
import { words } from "./rest.js";

const one = detectOne(words("detect-words"));
detectMany(words("detect-words"), words("detect-limits"), one.look);
