package facts

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// comments are the doc comments of the packages in which a policy's types are declared.
type comments struct {
	// texts are the first paragraphs of the comments, each in one line, by package path and Type or
	// Type.Field. What follows a blank line is for readers of the code.
	texts map[string]string
	// formats are the names behind +format= in the same comments.
	formats map[string]string
	// constants are the values of the constants of a named string type, in their order.
	constants map[string][]string
	// read are the package paths that were read.
	read map[string]bool
}

// formatMarker begins the line of a comment that names the format of a field's value, or of the entries
// of a list: a definition of values.schema.json.
const formatMarker = "+format="

func newComments() *comments {
	return &comments{map[string]string{}, map[string]string{}, map[string][]string{}, map[string]bool{}}
}

// add reads a package once.
func (c *comments) add(path string) error {
	if c.read[path] {
		return nil
	}
	c.read[path] = true
	files, err := source(path)
	if err != nil {
		return err
	}
	for _, file := range files {
		for _, declaration := range file.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			switch general.Tok {
			case token.TYPE:
				c.addTypes(path, general)
			case token.CONST:
				if err := c.addConstants(path, general); err != nil {
					return err
				}
			default:
			}
		}
	}
	return nil
}

func (c *comments) addTypes(path string, declaration *ast.GenDecl) {
	for _, spec := range declaration.Specs {
		named, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		key := path + "." + named.Name.Name
		c.addComment(key, declaration.Doc)
		c.addComment(key, named.Doc)
		if structure, ok := named.Type.(*ast.StructType); ok {
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					c.addComment(key+"."+name.Name, field.Doc)
				}
			}
		}
	}
}

func (c *comments) addComment(key string, comment *ast.CommentGroup) {
	if comment == nil {
		return
	}
	var kept []string
	for line := range strings.Lines(comment.Text()) {
		if format, marked := strings.CutPrefix(line, formatMarker); marked {
			c.formats[key] = strings.TrimSpace(format)
			continue
		}
		kept = append(kept, line)
	}
	first, _, _ := strings.Cut(strings.Join(kept, ""), "\n\n")
	c.texts[key] = strings.Join(strings.Fields(first), " ")
}

func (c *comments) addConstants(path string, declaration *ast.GenDecl) error {
	for _, spec := range declaration.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		named, ok := value.Type.(*ast.Ident)
		if !ok {
			continue
		}
		for _, expression := range value.Values {
			literal, ok := expression.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				return fmt.Errorf("constant %s of %s: %w", value.Names[0].Name, path, err)
			}
			key := path + "." + named.Name
			c.constants[key] = append(c.constants[key], text)
		}
	}
	return nil
}
