'use strict';
// Runs before the body is parsed, so that what needs the script is not shown without it.
document.documentElement.className = 'scripted';
